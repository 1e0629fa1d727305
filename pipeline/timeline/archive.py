"""The timeline in the lake: what was collected once is kept, because AWS and Kubernetes forget.

Kept is what the dumps tell, before it is settled: what a later collection adds may change what an earlier
one means. Every collection is one immutable Parquet file per table, named by its content, so that storing
the same dumps again changes nothing.
"""

import os
from hashlib import blake2b
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.model import COVERAGE, EVENTS, INSTANT, METRICS, SETTINGS, Table, column
from pipeline.timeline.base import Findings, frame

Told = dict[str, pl.DataFrame]
"""Rows of `events`, `coverage`, `settings` and `metrics` by table, as the sources tell them."""

_SETTINGS = Table(
    SETTINGS.name,
    SETTINGS.grain,
    SETTINGS.schema.append(column("read_at", INSTANT, "when a snapshot was taken; NULL: told by a change")),
)
TABLES = (EVENTS, COVERAGE, _SETTINGS, METRICS)
"""The tables that are kept."""


def told(findings: Findings) -> Told:
    """What the sources told, as it is kept."""
    rows = (findings.events, findings.coverage, findings.settings, findings.metrics)
    return {table.name: frame(table, of_table) for table, of_table in zip(TABLES, rows, strict=True)}


def keep(store: Path, frames: Told) -> None:
    """Store the frames.

    Raises:
        StoreError: the store cannot be written.
    """
    try:
        for name, rows in frames.items():
            if not rows.is_empty():
                _write(store / name, rows)
    except OSError as problem:
        raise StoreError(f"{store}: {problem.strerror}; is it writable, is there space?") from problem


def recall(store: Path, findings: Findings) -> Told:
    """All rows that were ever stored, in no order; a file that cannot be read costs itself only.

    Args:
        store: a folder that was given to `keep`; there need not be one.
        findings: takes the problems.
    """
    return {table.name: _rows(store / table.name, table, findings) for table in TABLES}


def _rows(folder: Path, table: Table, findings: Findings) -> pl.DataFrame:
    empty = frame(table, [])
    found = [empty]
    for path in sorted(folder.glob("*.parquet")):
        try:
            rows = pl.read_parquet(path)
            # An older version knew fewer columns.
            found.append(pl.concat([empty, rows], how="diagonal").select(empty.columns))
        except (OSError, pl.exceptions.PolarsError) as problem:
            what = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
            findings.problem(str(path), f"what was kept cannot be read ({what})")
    return pl.concat(found)


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
