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

_DICTIONARY = [field.name for field in REQUESTS.schema if pa.types.is_dictionary(field.type)]
_ENCODING = {
    "time": "DELTA_BINARY_PACKED",
    "request_creation_time": "DELTA_BINARY_PACKED",
    "line_number": "DELTA_BINARY_PACKED",
    "trace_id": "DELTA_BYTE_ARRAY",
}
_WITH_STATISTICS = ["time", "request_creation_time", "elb", "elb_status_code", "target_ip"]
"""Columns that queries narrow down by; smallest and largest URLs would cost a fifth of the writing."""

_FEW_VALUES = [
    *("client_port", "target_port", "elb_status_code", "target_status_code"),
    *("request_processing_time", "target_processing_time", "response_processing_time"),
    *("request_line", "redirect_url", "transformed_uri", "extra_fields.list.element"),
]
_WITH_DICTIONARY: Argument = [*_DICTIONARY, *_FEW_VALUES]


def write_requests(root: Path, folder: str, table: pa.Table) -> str:
    """Write rows of `requests` below ``root/folder``; returns the path relative to ``root``.

    Raises:
        StoreError: the file system refuses.
    """
    with _new_file(root, folder) as (temporary, relative):
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=1,
            use_dictionary=_WITH_DICTIONARY,
            column_encoding=_ENCODING,
            write_statistics=_WITH_STATISTICS,
        )
    return relative


def write(root: Path, folder: str, table: pa.Table) -> str:
    """Write any small table below ``root/folder``; returns the path relative to ``root``.

    Raises:
        StoreError: the file system refuses.
    """
    with _new_file(root, folder) as (temporary, relative):
        pq.write_table(table, temporary, compression="zstd", compression_level=1)
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
