"""The lake: Parquet files below one folder, and the ledger that says which of them count."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.ingest import keys, replace
from pipeline.ingest.ledger import FileEntry, Ledger, ObjectEntry
from pipeline.ingest.parquet import UNFINISHED
from pipeline.model import OBJECTS, Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FOLDERS = ("requests", "errors", "rejected_lines")
_GRACE_US = 3_600_000_000
"""A retired file stays this long for readers that hold an older list."""


class Lake:
    """A store of ingested logs. Many readers and one writer at a time; use it as a context manager.

    Files: ``requests/elb=NAME/hour=YYYY-MM-DDTHH/*.parquet``, ``errors/…`` (only 502 and 504, same
    schema), ``rejected_lines/*.parquet``, ``ledger.sqlite``. Readers take their file lists from here,
    never from a glob.
    """

    def __init__(self, root: Path, ledger: Ledger) -> None:
        """Use :meth:`open`."""
        self.root = root
        self.ledger = ledger
        self._committing = threading.Lock()

    @classmethod
    def open(cls, store: Path) -> Self:
        """Open a store, creating it where there is none; what a crash left behind is removed.

        Raises:
            StoreError: the folder cannot be used.
        """
        try:
            store.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreError(f"{store}: cannot be used as a store: {problem.strerror}") from problem
        lake = cls(store, Ledger(store / "ledger.sqlite"))
        lake._recover()
        return lake

    def __enter__(self) -> Self:
        """The lake itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the ledger."""
        self.ledger.close()

    def request_files(self, window: Window, load_balancer: str | None = None) -> list[str]:
        """Files that can hold rows of the window (by their first and last ``time``) and the load balancer.

        Rows outside the window may be among them. ``load_balancer`` is a name, ``app/name/id`` or an ARN.
        """
        return self._timed("requests", window, load_balancer)

    def error_files(self, window: Window, load_balancer: str | None = None) -> list[str]:
        """The same for the files with only the rows of 502 and 504."""
        return self._timed("errors", window, load_balancer)

    def rejected_files(self) -> list[str]:
        """Files of the table `rejected_lines`."""
        found = self.ledger.ask("select path from files where kind = 'rejected_lines' order by path")
        return [str(self.root / str(path)) for (path,) in found]

    def objects(self) -> pa.Table:
        """The table `objects`, by key."""
        names = OBJECTS.schema.names
        rows = self.ledger.ask(f"select {', '.join(names)} from objects order by object_key")  # noqa: S608 - own names
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        return pa.table(dict(zip(names, map(list, columns), strict=True)), schema=OBJECTS.schema)

    def span(self) -> tuple[datetime, datetime] | None:
        """Earliest and latest ``time`` of all rows, UTC; None for an empty lake."""
        ((first, last),) = self.ledger.ask(
            "select min(first_time), max(last_time) from files where kind = 'requests'"
        )
        if not isinstance(first, int) or not isinstance(last, int):
            return None
        return _EPOCH + first * _MICROSECOND, _EPOCH + last * _MICROSECOND

    def _timed(self, kind: str, window: Window, load_balancer: str | None) -> list[str]:
        found = self.ledger.ask(
            "select path, elb from files where kind = ?"
            " and (? is null or last_time >= ?) and (? is null or first_time < ?) order by first_time, path",
            (kind, *(_micros(window.since),) * 2, *(_micros(window.until),) * 2),
        )
        return [
            str(self.root / str(path))
            for path, elb in found
            if load_balancer is None or elb is None or keys.load_balancer_matches(load_balancer, str(elb))
        ]

    def etag(self, locator: str) -> str | None:
        """ETag of an ingested object; None when it is not in the lake."""
        found = self.ledger.ask("select etag from objects where locator = ?", (locator,))
        return str(found[0][0]) if found else None

    def has_content(self, locator: str, content_hash: str) -> bool:
        """Is this very object in the lake with this content?"""
        return bool(
            self.ledger.ask(
                "select 1 from objects where locator = ? and content_hash = ?", (locator, content_hash)
            )
        )

    def has_copy(self, base_name: str, content_hash: str, locator: str) -> bool:
        """Is the same content in the lake under the same base name, from elsewhere?"""
        return bool(
            self.ledger.ask(
                "select 1 from objects where base_name = ? and content_hash = ? and locator <> ?",
                (base_name, content_hash, locator),
            )
        )

    def touch(self, locator: str, etag: str) -> None:
        """Note a new ETag of an object whose content is the same."""
        self.ledger.touch(locator, etag)

    def free_key(self, object_key: str, locator: str) -> str:
        """The object's key, or its locator where another source has that key: ids of rows rest on it."""
        taken = self.ledger.ask(
            "select 1 from objects where object_key = ? and locator <> ?", (object_key, locator)
        )
        return locator if taken else object_key

    def commit(
        self, objects: Sequence[ObjectEntry], files: Sequence[tuple[FileEntry, Sequence[str]]]
    ) -> None:
        """Make objects and their files part of the lake at once; former rows of the objects leave it."""
        with self._committing:
            rest, retired = replace.without(self.root, self.ledger, [entry.locator for entry in objects])
            self.ledger.commit(objects, [*files, *rest], retired, time.time_ns() // 1000)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for writing.

        Raises:
            StoreError: another process is writing, or the store cannot be written.
        """
        with self._locked() as held:
            if not held:
                raise StoreError(
                    f"{self.root}: another process is writing to this store; wait for it to finish"
                )
            self._clean()
            self._mark(os.getpid())
            yield
            self._mark(None)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        """Try to take the writer's lock; the file holds the writer's process id while it writes."""
        try:
            handle = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as problem:
            raise StoreError(f"{self.root}: the store cannot be written: {problem.strerror}") from problem
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            yield False
            return
        try:
            yield True
        finally:
            os.close(handle)

    def _mark(self, process: int | None) -> None:
        (self.root / "lock").write_text("" if process is None else f"{process}\n", encoding="ascii")

    def _recover(self) -> None:
        """Clean up after a writer that did not come to its end."""
        lock = self.root / "lock"
        if not lock.is_file() or not lock.stat().st_size:
            return
        with contextlib.suppress(StoreError), self._locked() as held:  # a read-only store is left as it is
            if held:
                self._clean()
                self._mark(None)

    def _clean(self) -> None:
        now = time.time_ns() // 1000
        expired = self.ledger.forget_retired(now - _GRACE_US)
        kept = {str(path) for (path,) in self.ledger.ask("select path from retired_files")}
        known = {str(path) for (path,) in self.ledger.ask("select path from files")} | kept
        for path in [*self._present()]:
            if path not in known or path in expired:
                with contextlib.suppress(OSError):
                    (self.root / path).unlink()

    def _present(self) -> Iterator[str]:
        for folder in _FOLDERS:
            for place, _, names in os.walk(self.root / folder):
                relative = Path(place).relative_to(self.root)
                yield from (str(relative / name) for name in names if name.endswith((".parquet", UNFINISHED)))


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND
