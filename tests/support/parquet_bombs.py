"""Parquet files of a few kilobytes that would take gigabytes, or hours."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest.arrow import Argument, Column
from tests.support.other_logs import records

MEBIBYTE = 1 << 20


def _table(rows: int) -> pa.Table:
    return pa.Table.from_pylist(records(1, keep=("time", "elb", "elb_status_code")) * rows)


def _written(table: pa.Table, **options: Any) -> bytes:  # noqa: ANN401 - options of the writer
    sink = io.BytesIO()
    options |= {"store_schema": False, "write_statistics": False, "row_group_size": table.num_rows}
    pq.write_table(table, sink, compression="zstd", **options)
    return sink.getvalue()


def _repeated(text: str, rows: int) -> Column:
    places: Argument = np.zeros(rows, np.int32)
    return pa.DictionaryArray.from_arrays(places, pa.array([text]))


def shared_text(rows: int, size: int) -> bytes:
    """Every row points to the same text."""
    table = _table(rows).append_column("user_agent", _repeated("x" * size, rows))
    return _written(table, dictionary_pagesize_limit=1 << 30)


def shared_start(rows: int, size: int) -> bytes:
    """Every text is the one before and some digits."""
    texts = pa.array([f"{'x' * size}{place}" for place in range(rows)])
    table = _table(rows).append_column("user_agent", texts)
    return _written(
        table,
        use_dictionary=False,
        column_encoding={"user_agent": "DELTA_BYTE_ARRAY"},
        data_page_size=1 << 30,
        write_batch_size=rows,
    )


def false_sizes() -> bytes:
    """Two pages whose headers claim 128 MiB each, where the footer knows of 2."""
    text = pa.array(["x" * (2 * MEBIBYTE)])
    table = _table(1).append_column("user_agent", text).append_column("request_line", text)
    content = bytearray(_written(table, use_dictionary=False))
    group = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0)
    for place in (3, 4):
        header = group.column(place).data_page_offset
        assert content[header : header + 3 : 2] == b"\x15\x15"  # page type, size in memory: whole numbers
        content[header + 3 : header + 7] = b"\xfe\xff\xff\x7f"
    return bytes(content)


def absent_rows(rows: int) -> bytes:
    """Rows of nothing."""
    names = ("time", "elb", "elb_status_code")
    return _written(pa.table({name: pa.nulls(rows, pa.string()) for name in names}))


def equal_rows(rows: int) -> bytes:
    """One entry again and again."""
    entry = records(1, keep=("time", "elb", "elb_status_code"))[0]
    return _written(pa.table({name: _repeated(text, rows) for name, text in entry.items()}))
