"""Logs in a folder of any layout, in one file, or on standard input."""

import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import SourceError
from pipeline.ingest import keys
from pipeline.ingest.source import Candidate, Payload, UnreadableError, spooled
from pipeline.model import Window

_PIECE = 1 << 20
_IN_MEMORY = 32 << 20
_SUFFIXES = (".log", ".log.gz")


def local_source(name: str) -> "FolderSource | FileSource":
    """The folder or file of that name.

    Raises:
        SourceError: there is none.
    """
    path = Path(name)
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        return FileSource(path)
    raise SourceError(f"{name}: no such file or folder; give a folder, a file, s3://bucket/prefix or -")


def _candidate(path: Path, object_key: str, *, by_name: bool) -> Candidate:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device has no end
        raise OSError(f"{path}: no file")
    return Candidate(
        str(path.absolute()), object_key, f"{status.st_size}-{status.st_mtime_ns}", status.st_size, by_name
    )


def _fetch(path: str) -> Payload:
    try:
        with ExitStack() as opened:
            stream = opened.enter_context(Path(path).open("rb"))
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
            stream.seek(0)
            opened.pop_all()  # the reader closes it
    except OSError as problem:
        raise UnreadableError(f"cannot be read: {problem.strerror}") from problem
    return Payload(stream, digest, size)


class FolderSource:
    """All files below a folder; links to folders are not followed."""

    is_remote = False

    def __init__(self, root: Path) -> None:
        """Take a folder that exists."""
        self._root = root

    def candidates(self, window: Window) -> Iterator[Candidate]:  # noqa: ARG002 - a walk is cheap
        """Files in the order of their relative paths, which are their keys."""
        for path in sorted(self._walk()):
            key = path.relative_to(self._root).as_posix()
            foreign = keys.kind(key) == "other"
            is_log = foreign and key.endswith(_SUFFIXES)
            is_doubtful = foreign and not is_log and keys.may_be_delivered(key, is_remote=False)
            try:
                found = _candidate(path, key, by_name=not (is_log or is_doubtful))
            except OSError:  # a broken link, no file at all, or deleted since
                continue
            yield replace(found, is_doubtful=is_doubtful)

    def _walk(self) -> Iterator[Path]:
        def refuse(problem: OSError) -> None:
            raise SourceError(f"{problem.filename}: cannot be listed: {problem.strerror}") from problem

        for folder, _, names in os.walk(self._root, onerror=refuse):
            yield from (Path(folder, name) for name in names)

    def fetch(self, candidate: Candidate) -> Payload:
        """Open the file."""
        return _fetch(candidate.locator)

    def close(self) -> None:
        """Nothing is held."""


class FileSource:
    """One file, whatever its name."""

    is_remote = False

    def __init__(self, path: Path) -> None:
        """Take a file that exists."""
        self._path = path

    def candidates(self, window: Window) -> Iterator[Candidate]:  # noqa: ARG002 - the file was asked for
        """The file; its name is its key."""
        yield _candidate(self._path, self._path.name, by_name=False)

    def fetch(self, candidate: Candidate) -> Payload:
        """Open the file."""
        return _fetch(candidate.locator)

    def close(self) -> None:
        """Nothing is held."""


class StandardInput:
    """Standard input, plain or gzip; its identity is its content."""

    is_remote = False

    def __init__(self, stream: BinaryIO | None = None, *, on_disk: bool = True) -> None:
        """Take standard input, or a stream in its place; ``on_disk``: a large one may wait in a file."""
        self._in_memory = _IN_MEMORY if on_disk else None
        self._stream = stream or sys.stdin.buffer
        self._payload: Payload | None = None

    def candidates(self, window: Window) -> Iterator[Candidate]:  # noqa: ARG002 - the stream was asked for
        """The stream, read to its end: its content decides whether it is known."""
        self._payload = spooled(iter(lambda: self._stream.read(_PIECE), b""), self._in_memory)
        content = self._payload.content_hash
        yield Candidate(f"-:{content}", "-", content, self._payload.size, by_name=False)

    def fetch(self, candidate: Candidate) -> Payload:
        """What was read."""
        if self._payload is None:
            raise UnreadableError(f"{candidate.object_key}: standard input has not been read")
        return self._payload

    def close(self) -> None:
        """Drop what was read."""
        if self._payload is not None:
            self._payload.stream.close()
