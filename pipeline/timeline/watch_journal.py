"""The files of one watched resource: JSON lines, a new file every hour, gzip once closed.

A kill at any instant costs at most the line being written: lines are appended whole, and a closed file
takes its final name in one step. Files of before stay readable while the next is written.
"""

import gzip
import json
import os
import re
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.timeline.kubernetes_api import Resource
from pipeline.timeline.kubernetes_fetch import compact
from pipeline.timeline.watch_marks import Mark, as_line, read_mark

ROTATE_AFTER = timedelta(hours=1)
MOST_BYTES = 256 << 20
"""A file is closed at this size even within its hour."""

_NAME = re.compile(r"(?P<plural>[a-z]+)-(?P<opened>\d{8}T\d{12}Z)\.jsonl(?P<gz>\.gz)?")
_STAMP = "%Y%m%dT%H%M%S%fZ"
_MARK = b'{"type":"BOOKMARK"'


@dataclass
class Journal:
    """Writes what one watch sees.

    Attributes:
        folder: where the files are.
        resource: what is watched.
        cluster: fingerprint of the cluster.
    """

    folder: Path
    resource: Resource
    cluster: str
    written: int = field(default=0, init=False)
    """Changes written by this process."""
    _file: BinaryIO | None = field(default=None, init=False)
    _opened_at: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)
    _from: datetime | None = field(default=None, init=False)
    _last: Mark | None = field(default=None, init=False)

    def recover(self) -> Mark | None:
        """Close what a killed process left open, and return the last mark of this cluster's watch.

        Everything up to the mark is on disk; what came after it will be told again.
        """
        for leftover in self._files(closed=False):
            _close(leftover)
        for partial in self.folder.glob(f".{self.resource.plural}-*.partial"):
            partial.unlink()
        closed = self._files(closed=True)
        last = _last_mark(closed[-1]) if closed else None
        if last is None or not last.version or last.cluster != self.cluster:
            return None
        self._last, self._from = last, last.observed_to
        return last

    def write(self, change: str, value: dict[str, Any]) -> None:
        """Append one change, as kubectl prints it."""
        self._append(compact({"type": change, "object": value}))
        self.written += 1
        if self._open().tell() > MOST_BYTES:
            self._rotate()

    def begin(self, observed_from: datetime) -> None:
        """A new span starts: what lies between the last mark and here was not observed."""
        self._from = observed_from

    def observed(self, observed_to: datetime, version: str) -> bool:
        """Say that the span reaches to an instant; True when that made a new file due and it was opened."""
        start = self._from or observed_to
        self._mark(Mark(start, max(start, observed_to), version, self.cluster))
        os.fsync(self._open().fileno())
        if self._now() - self._opened_at < ROTATE_AFTER:
            return False
        self._rotate()
        return True

    def flush(self) -> None:
        """Hand what was written to the operating system: from there a kill cannot take it."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the current file."""
        if self._file is not None:
            self._file.close()
            _close(Path(self._file.name))
            self._file = None

    def _rotate(self) -> None:
        self.close()
        self._open()

    def _mark(self, mark: Mark) -> None:
        self._append(compact(as_line(mark, self.resource.kind, self.resource.api_version)))
        self._last = mark
        self.flush()

    def _append(self, line: bytes) -> None:
        self._open().write(line + b"\n")

    def _open(self) -> BinaryIO:
        """The current file. Its first line is a mark: where the last one ended, or of this instant only."""
        if self._file is None:
            self._opened_at = self._now()
            name = f"{self.resource.plural}-{self._opened_at.strftime(_STAMP)}.jsonl"
            self._file = (self.folder / name).open("xb", buffering=1 << 20)
            last = self._last
            if last is None or self._from is None or self._from > last.observed_to:
                last = Mark(self._opened_at, self._opened_at, "", self.cluster)
            else:
                self._from = last.observed_to
            self._mark(replace(last, observed_from=last.observed_to))
        return self._file

    def _files(self, *, closed: bool) -> list[Path]:
        return [
            path
            for path, match in _named(self.folder)
            if match["plural"] == self.resource.plural and bool(match["gz"]) == closed
        ]

    @staticmethod
    def _now() -> datetime:
        return datetime.now(UTC)


def expire(folder: Path, older_than: datetime) -> int:
    """Delete closed files that were opened an hour or more before an instant; return how many."""
    expired = 0
    for path, match in _named(folder):
        opened_at = datetime.strptime(match["opened"], _STAMP).replace(tzinfo=UTC)
        if match["gz"] and opened_at + ROTATE_AFTER < older_than:
            path.unlink(missing_ok=True)
            expired += 1
    return expired


def _named(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    """The journals of a folder, oldest first."""
    found = ((path, _NAME.fullmatch(path.name)) for path in sorted(folder.iterdir()))
    return [(path, match) for path, match in found if match]


def _close(path: Path) -> None:
    """Compress a file of lines, without half a last line; an empty one goes."""
    with path.open("rb+") as file:
        whole = _whole_lines(file)
        file.truncate(whole)
    if not whole:
        path.unlink()
        return
    final = path.with_name(f"{path.name}.gz")
    partial = path.with_name(f".{final.name}.partial")
    with path.open("rb") as plain, partial.open("wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, filename="", mtime=0) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    times = path.stat()
    os.utime(partial, (times.st_atime, times.st_mtime))
    partial.rename(final)
    path.unlink()


def _whole_lines(file: BinaryIO) -> int:
    """Bytes up to the end of the last whole line."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - (1 << 16))
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _last_mark(path: Path) -> Mark | None:
    last = None
    with gzip.open(path, "rb") as file:
        for line in file:
            if line.startswith(_MARK):
                last = read_mark(json.loads(line)) or last
    return last
