"""Parquet files written row group by row group: complete or absent, whatever their size."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from isal import isal_zlib

from pipeline.errors import StoreError
from pipeline.ingest.ledger import FileEntry
from pipeline.ingest.parquet import UNFINISHED
from pipeline.ingest.stored import STORED

READ_ERRORS = (OSError, pa.ArrowException)
"""What reading a damaged Parquet file can raise."""

_PIECE = 1 << 20


class GroupedFile:
    """A file in the making; each table given becomes one row group."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema) -> None:
        """Use :func:`create`."""
        self._writer = writer
        self._schema = schema
        self._is_timed = "time" in schema.names
        self.rows = 0
        self.first_time: int | None = None
        self.last_time: int | None = None

    def add(self, table: pa.Table) -> None:
        """Write a row group; a table without rows writes none."""
        if not table.num_rows:
            return
        self._writer.write_table(table.cast(self._schema), row_group_size=table.num_rows)
        self.rows += table.num_rows
        if self._is_timed:
            span = pc.min_max(table.column("time"))
            first, last = (int(span[end].cast(pa.int64()).as_py()) for end in ("min", "max"))
            self.first_time = first if self.first_time is None else min(first, self.first_time)
            self.last_time = last if self.last_time is None else max(last, self.last_time)


@contextmanager
def create(root: Path, folder: str, kind: str) -> Iterator[tuple[GroupedFile, str]]:
    """A new file of a table below ``root/folder``, and its path relative to ``root``.

    Without rows no file is left.

    Raises:
        StoreError: the file system refuses.
    """
    schema, options = STORED[kind]
    path = f"{folder}/{uuid.uuid4().hex}.parquet"
    final = root / path
    temporary = final.with_name(final.name + UNFINISHED)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(temporary, schema, **options) as writer:
            file = GroupedFile(writer, schema)
            yield file, path
        if file.rows:
            sync(temporary)
            temporary.rename(final)
            sync(final.parent)
    except OSError as problem:
        raise StoreError(
            f"{final}: cannot write: {problem.strerror or problem}; is the store full or read-only?"
        ) from problem
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def groups(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The row groups of a file, one at a time.

    Raises:
        StoreError: the file cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number, columns=columns)
    except READ_ERRORS as problem:
        raise unreadable(path, problem) from problem


def unreadable(path: Path, problem: Exception) -> StoreError:
    """The error of a file that is damaged or gone."""
    return StoreError(f"{path}: cannot be read: {problem}; forensics lake check tells what is damaged")


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fingerprint(path: Path) -> tuple[int, int]:
    """Size and CRC-32 of a file: finds damage, at a fiftieth of the cost of writing it."""
    size = checksum = 0
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            size += len(piece)
            checksum = isal_zlib.crc32(piece, checksum)
    return size, checksum


def sealed(root: Path, entry: FileEntry) -> FileEntry:
    """The entry with size and checksum of its file.

    Raises:
        StoreError: the file cannot be read.
    """
    try:
        size, checksum = fingerprint(root / entry.path)
    except OSError as problem:
        raise unreadable(root / entry.path, problem) from problem
    return replace(entry, size=size, crc32=checksum)
