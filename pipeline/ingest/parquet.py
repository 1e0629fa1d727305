"""Parquet files that are complete or absent: temporary name, fsync, rename."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.ingest.arrow import Argument
from pipeline.model import REQUESTS

UNFINISHED = ".tmp"

_SYMBOLS = [field.name for field in REQUESTS.schema if pa.types.is_dictionary(field.type)]
_FEW_VALUES = [
    *("target_port", "elb_status_code", "target_status_code"),
    *("request_processing_time", "target_processing_time", "response_processing_time"),
    *("request_line", "redirect_url", "transformed_uri", "extra_fields.list.element"),
]
_NUMBERS = ["client_port", "received_bytes", "sent_bytes"]
"""Many values of few bits: cutting the bits off takes half the time of packing whole numbers with zstd."""

REQUESTS_LAYOUT: Argument = {
    "compression": "zstd",
    "compression_level": 1,  # level 3 takes a third more time, and more bytes
    # Few large steps and pages: a twentieth less time. Pages of text stay at 1 MiB.
    "write_batch_size": 65_536,
    "max_rows_per_page": 1_000_000,
    "use_dictionary": [*_SYMBOLS, *_FEW_VALUES],
    "column_encoding": {
        **dict.fromkeys(["time", "request_creation_time", "line_number", *_NUMBERS], "DELTA_BINARY_PACKED"),
        "trace_id": "DELTA_BYTE_ARRAY",
    },
    # What queries narrow down by; smallest and largest URLs would cost a fifth of the writing.
    "write_statistics": ["time", "request_creation_time", "elb", "elb_status_code", "target_ip"],
}
"""How files of the schema `requests` are written."""
_STEPS_OF_LISTS = 1024
"""Rows written at once where each may hold a hundred values: large steps take 80 MB for 30 MB of rows."""

PLAIN_LAYOUT: Argument = {"compression": "zstd", "compression_level": 1}
"""How all others are."""


def write_requests(root: Path, folder: str, table: pa.Table) -> str:
    """Write rows of `requests` below ``root/folder``; returns the path relative to ``root``.

    Raises:
        StoreError: the file system refuses.
    """
    has_lists = table.column("extra_fields").null_count < table.num_rows
    steps = {"write_batch_size": _STEPS_OF_LISTS} if has_lists else {}
    with _new_file(root, folder) as (temporary, relative):
        pq.write_table(table, temporary, **{**REQUESTS_LAYOUT, **steps})
    return relative


def write(root: Path, folder: str, table: pa.Table) -> str:
    """Write any small table below ``root/folder``; returns the path relative to ``root``.

    Raises:
        StoreError: the file system refuses.
    """
    with _new_file(root, folder) as (temporary, relative):
        pq.write_table(table, temporary, **PLAIN_LAYOUT)
    return relative


@contextlib.contextmanager
def _new_file(root: Path, folder: str) -> Iterator[tuple[Path, str]]:
    relative = f"{folder}/{uuid.uuid4().hex}.parquet"
    final = root / relative
    temporary = final.with_name(final.name + UNFINISHED)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield temporary, relative
        _sync(temporary)
        temporary.rename(final)
        _sync(final.parent)
    except OSError as problem:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StoreError(
            f"{final}: cannot write: {problem.strerror or problem}; is the store full or read-only?"
        ) from problem


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
