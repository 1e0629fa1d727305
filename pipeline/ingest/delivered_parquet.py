"""Parquet files of CloudWatch's delivery: every row is a line, read in batches of bounded size."""

import json
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest import delivered
from pipeline.ingest.arrow import Column
from pipeline.ingest.delivered import Record
from pipeline.ingest.grouped import READ_ERRORS
from pipeline.ingest.kinds import Kind
from pipeline.ingest.lenient import Rows
from pipeline.ingest.parsed import Origin, Parsed
from pipeline.ingest.tokens import LineError

_BATCH = 5_000
_DAMAGE = (*READ_ERRORS, ValueError, OverflowError)
"""The latter two: values that no Python object can hold, such as days after the year 9999."""
_LARGEST_GROUP = 1 << 30
"""Bytes of a row group, inflated, beyond which a file is not read: it would not fit into memory."""


class ParquetReader:
    """Reads one file once; afterwards ``problem`` says why it could not be read to its end."""

    def __init__(self, stream: BinaryIO, origin: Origin, kind: Kind) -> None:
        """Read nothing yet."""
        self._stream = stream
        self._origin = origin
        self._kind = kind
        self._lines = 0
        self.problem: str | None = None

    def parse(self) -> Iterator[Parsed]:
        """Rows and rejects, batch by batch, in the order of the file."""
        try:
            file = pq.ParquetFile(self._stream, pre_buffer=False)
            for group in range(file.num_row_groups):
                if file.metadata.row_group(group).total_byte_size > _LARGEST_GROUP:
                    self.problem = f"row group of more than 1 GiB after {self._lines} lines"
                    return
                for batch in file.iter_batches(_BATCH, row_groups=[group], use_threads=False):
                    yield self._parsed(batch)
        except _DAMAGE as damage:
            first = str(damage).partition("\n")[0]
            self.problem = f"damaged Parquet after {self._lines} lines: {first[:200]}"
            return
        if not self._lines:
            self.problem = "empty object"

    def _parsed(self, batch: pa.RecordBatch) -> Parsed:
        rows = Rows(self._kind, self._origin)
        for record in _records(batch):
            self._lines += 1
            try:
                delivered.add(rows, self._lines, record, self._kind)
            except LineError as problem:
                rows.refuse(self._lines, problem, _raw(record))
        return rows.parsed()


def _records(batch: pa.RecordBatch) -> Iterator[Record]:
    names = batch.schema.names
    for row in zip(*map(_plain, batch.columns), strict=True):
        yield dict(zip(names, row, strict=True))


def _plain(column: Column) -> list[object]:
    """Values that can be written into a line: instants as text, text as bytes that may not be UTF-8."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_timestamp(kind):
        return _instants(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = column.cast(pa.large_binary())
    values: list[object] = column.to_pylist()
    return values


def _instants(column: Column) -> list[object]:
    micros = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False).view(pa.int64())
    written = np.datetime_as_string(np.asarray(micros.fill_null(0)).astype("datetime64[us]"))
    known = np.asarray(column.is_valid())
    return [f"{text}Z" if valid else None for text, valid in zip(written, known, strict=True)]


def _raw(record: Record) -> bytes:
    readable = {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in record.items()
    }
    return json.dumps(readable, default=str).encode("utf-8", errors="replace")
