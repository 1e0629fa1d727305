"""What can be ingested, whatever holds it: candidates to choose from, and their bytes."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol, cast

from pipeline.errors import StoreError
from pipeline.model import Window


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that a source lists."""

    locator: str
    """Identity: absolute path, S3 URI, or content of standard input."""
    object_key: str
    etag: str
    size: int
    """Compressed bytes."""
    by_name: bool
    """Is it judged by its name? A file named by the user, or with a foreign name, is judged by its lines."""
    is_doubtful: bool = False
    """Is it left out unless its content is a log? Else its lines are rejected one by one."""
    written_at: datetime | None = None
    """When it was delivered, UTC, where the source tells: a file's time is that of its copy."""


@dataclass(frozen=True)
class Payload:
    """An object's bytes, to be closed after use, and the SHA-256 of them."""

    stream: BinaryIO
    content_hash: str
    size: int


def spooled(pieces: Iterable[bytes], in_memory: int | None) -> Payload:
    """Bytes that can be read from their start: in memory, or beyond ``in_memory`` bytes in a temporary file.

    None keeps all in memory: what is to be redacted must not reach a disk before.

    Raises:
        StoreError: the temporary file cannot be written.
    """
    spool = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=in_memory or 0))  # noqa: SIM115 - the reader closes it
    digest = hashlib.sha256()
    try:
        for piece in pieces:
            digest.update(piece)
            _write(spool, piece)
        size = spool.tell()
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return Payload(spool, digest.hexdigest(), size)


def _write(spool: BinaryIO, piece: bytes) -> None:
    try:
        spool.write(piece)
    except OSError as problem:
        raise StoreError(
            f"{tempfile.gettempdir()}: cannot hold a log object while it is read: {problem.strerror}; "
            "let TMPDIR name a folder with more space"
        ) from problem


class UnreadableError(Exception):
    """One object cannot be read; the others may well be."""


class Source(Protocol):
    """A bucket, a folder, a file or standard input."""

    def candidates(self, window: Window) -> Iterator[Candidate]:
        """Everything listed, in the order of keys; folders that cannot hold the window may be left out.

        Raises:
            SourceError: the source does not exist, cannot be reached or refuses us.
        """
        ...

    def fetch(self, candidate: Candidate) -> Payload:
        """Bytes of one object. Safe to call from several threads.

        Raises:
            SourceError: the source refuses us.
            UnreadableError: this object cannot be read.
        """
        ...

    def close(self) -> None:
        """Let go of what is still held."""
        ...

    @property
    def is_remote(self) -> bool:
        """Is it worth fetching ahead?"""
        ...
