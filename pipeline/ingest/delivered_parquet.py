"""Parquet files of CloudWatch's delivery: every row is a line, read in batches of bounded size."""

import json
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.ingest import delivered
from pipeline.ingest.allowance import Allowance
from pipeline.ingest.arrow import Column
from pipeline.ingest.delivered import Record
from pipeline.ingest.grouped import READ_ERRORS
from pipeline.ingest.kinds import Kind
from pipeline.ingest.layout import KEPT, MOST_FIELDS
from pipeline.ingest.lenient import Rows
from pipeline.ingest.parquet_pages import TooLargeError, plan, row_groups
from pipeline.ingest.parquet_pages import rows as rows_of
from pipeline.ingest.parsed import Origin, Parsed
from pipeline.ingest.tokens import LineError

_DAMAGE = (*READ_ERRORS, ValueError, OverflowError)
"""The latter two: odd page headers, and values that no Python object can hold: days after the year 9999."""
_FREE_ROWS, _FREE_BYTES, _GROWTH = 1_000_000, 1 << 30, 1_000
"""More rows than bytes, or a thousand times its size, and so much beside, is no log: it would take hours."""
_PART = 16 << 20


class ParquetReader:
    """Reads one file once; afterwards ``problem`` says why it could not be read to its end."""

    def __init__(self, stream: BinaryIO, origin: Origin, kind: Kind) -> None:
        """Read nothing yet."""
        self._stream = stream
        self._origin = origin
        self._kind = kind
        self._lines = self._bytes = 0
        self._allowance = Allowance()
        self.problem: str | None = None

    def parse(self) -> Iterator[Parsed]:
        """Rows and rejects, batch by batch, in the order of the file."""
        try:
            yield from self._parse()
        except TooLargeError as problem:
            self.problem = f"{problem}: given up after {self._lines} lines"
            return
        except _DAMAGE as damage:
            first = str(damage).partition("\n")[0]
            self.problem = f"damaged Parquet after {self._lines} lines: {first[:200]}"
            return
        if self.problem is None and not self._lines:
            self.problem = "empty object"

    def _parse(self) -> Iterator[Parsed]:
        size = self._stream.seek(0, 2)
        metadata = pq.ParquetFile(self._stream, pre_buffer=False).metadata
        paths = _refuse_shape(metadata, size)
        for place, group in enumerate(row_groups(self._stream)):
            if not rows_of(group):
                continue
            how = plan(self._stream, group)
            encoded = [paths[column] for column in how.encoded]
            file = pq.ParquetFile(self._stream, metadata=metadata, pre_buffer=False, read_dictionary=encoded)
            batches = file.iter_batches(how.rows, row_groups=[place], use_threads=False)
            for parsed in self._parts(batches, _FREE_BYTES + _GROWTH * size):
                self._allowance.take(parsed)
                yield parsed
                self.problem = self._allowance.spent_on_lines()
                if self.problem is not None:
                    return

    def _parts(self, batches: Iterator[pa.RecordBatch], most: int) -> Iterator[Parsed]:
        """Parts of bounded size: rows that share a long text would each hold it at once."""
        for batch in batches:
            rows, part_ends = Rows(self._kind, self._origin), self._bytes + _PART
            for record in _records(batch):
                self._take(record, rows)
                if self._bytes > part_ends:
                    yield rows.parsed()
                    if self._bytes > most:
                        raise TooLargeError(
                            f"values of {self._bytes >> 20:,} MiB, which no log packs so tightly"
                        )
                    rows, part_ends = Rows(self._kind, self._origin), self._bytes + _PART
            yield rows.parsed()

    def _take(self, record: Record, rows: Rows) -> None:
        self._lines += 1
        self._bytes += sum(len(value) for value in record.values() if isinstance(value, bytes))
        try:
            delivered.add(rows, self._lines, record, self._kind)
        except LineError as problem:
            rows.refuse(self._lines, problem, _raw(record))


def _refuse_shape(metadata: pq.FileMetaData, size: int) -> list[str]:
    """Names of the columns, unless no log looks like this.

    Raises:
        TooLargeError: too many columns or rows, or columns within columns.
    """
    if metadata.num_columns > MOST_FIELDS:
        raise TooLargeError(f"more than {MOST_FIELDS:,} columns")
    if metadata.num_rows > _FREE_ROWS + size:
        raise TooLargeError(f"{metadata.num_rows:,} rows in {size:,} bytes, no log packs so tightly")
    columns = [metadata.schema.column(place) for place in range(metadata.num_columns)]
    for column in columns:
        if column.max_repetition_level or column.path != column.name:
            raise TooLargeError(f"column {column.path} holds lists or other columns")
    return [column.path for column in columns]


def _records(batch: pa.RecordBatch) -> Iterator[Record]:
    names = batch.schema.names
    for row in zip(*map(_plain, batch.columns), strict=True):
        yield dict(zip(names, row, strict=True))


def _plain(column: Column) -> list[object]:
    """Values that can be written into a line: instants as text, text as bytes that may not be UTF-8."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _pointed_to(_plain(column.dictionary), column.indices)
    if pa.types.is_timestamp(kind):
        return _instants(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = column.cast(pa.large_binary())
    values: list[object] = column.to_pylist()
    return values


def _pointed_to(values: list[object], indices: Column) -> list[object]:
    """Values by their places in a dictionary, not copied. Arrow does not look where a file's places lead.

    Raises:
        ValueError: a place has no value.
    """
    span = pc.min_max(indices)
    first, last = span["min"].as_py(), span["max"].as_py()
    if first is not None and not 0 <= first <= last < len(values):
        raise ValueError("a value beyond the dictionary")
    with_absent = [*values, None]
    return [with_absent[place] for place in indices.fill_null(len(values)).to_pylist()]


def _instants(column: Column) -> list[object]:
    micros = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False).view(pa.int64())
    written = np.datetime_as_string(np.asarray(micros.fill_null(0)).astype("datetime64[us]"))
    known = np.asarray(column.is_valid())
    return [f"{text}Z" if valid else None for text, valid in zip(written, known, strict=True)]


def _raw(record: Record) -> bytes:
    readable = {
        name: value[:KEPT].decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in record.items()
    }
    return json.dumps(readable, default=str).encode("utf-8", errors="replace")
