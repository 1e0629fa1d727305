"""The timeline in the lake: what was collected once is kept, because AWS and Kubernetes forget.

Every collection is one immutable Parquet file per table, named by its content, so that storing the same
dumps again changes nothing.
"""

import os
from hashlib import blake2b
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.model import COVERAGE, EVENTS, METRICS, SETTINGS, Table


def keep(store: Path, frames: dict[str, pl.DataFrame]) -> None:
    """Store the frames of `events`, `coverage`, `settings` and `metrics`.

    Raises:
        StoreError: the store cannot be written.
    """
    try:
        for name, rows in frames.items():
            if not rows.is_empty():
                _write(store / name, rows)
    except OSError as problem:
        raise StoreError(f"{store}: {problem.strerror}; is it writable, is there space?") from problem


def recall(store: Path, table: Table) -> pl.DataFrame:
    """All rows of one table that were ever stored, each once."""
    files = sorted((store / table.name).glob("*.parquet"))
    empty = pl.DataFrame(table.schema.empty_table())
    return pl.concat([empty, *(pl.read_parquet(one) for one in files)]).unique(maintain_order=True)


def recall_all(store: Path) -> dict[str, pl.DataFrame]:
    """`events`, `coverage`, `settings` and `metrics` as stored."""
    found = {table.name: recall(store, table) for table in (EVENTS, COVERAGE, SETTINGS, METRICS)}
    found[EVENTS.name] = found[EVENTS.name].unique("event_id", keep="first", maintain_order=True)
    return found


def _write(folder: Path, rows: pl.DataFrame) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(rows.to_arrow(), sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    final = folder / f"{blake2b(content, digest_size=12).hexdigest()}.parquet"
    if final.exists():
        return
    partial = final.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(final)
