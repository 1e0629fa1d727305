"""The timeline in the lake: what was collected once is kept, because AWS and Kubernetes forget.

Kept is what the dumps tell, before it is settled: what a later collection adds may change what an earlier
one means. Every collection is one immutable Parquet file per table, named by its content, so that storing
the same dumps again changes nothing. Files may be put together: a row that is in two of them counts once.
"""

import os
import time
from contextlib import suppress
from datetime import datetime
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

MOST_FILES = 8
"""Files of a table beyond which they are put together."""
_ENDS = {EVENTS: "occurred_at", COVERAGE: "covered_to", _SETTINGS: "valid_to", METRICS: "minute"}
"""What tells how old a row is; a setting that is in force is never old."""
_ATTEMPTS = 5
_UNFINISHED_S = 3600.0


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
    """All files of a table; they may be put together meanwhile, then they are looked for again."""
    for _ in range(_ATTEMPTS):
        try:
            return _read(folder, table, findings)
        except FileNotFoundError:
            continue
    raise StoreError(f"{folder}: files vanish while they are read; is another process deleting them?")


def _read(folder: Path, table: Table, findings: Findings) -> pl.DataFrame:
    empty = frame(table, [])
    found = [empty]
    for path in sorted(folder.glob("*.parquet")):
        try:
            rows = pl.read_parquet(path)
            # An older version knew fewer columns.
            found.append(pl.concat([empty, rows], how="diagonal").select(empty.columns))
        except FileNotFoundError:
            raise
        except (OSError, pl.exceptions.PolarsError) as problem:
            what = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
            findings.problem(str(path), f"what was kept cannot be read ({what})")
    return pl.concat(found)


def tidy(store: Path, before: datetime | None) -> int:
    """Put the files of a table together where there are many, and let rows from before ``before`` go.

    The new file is complete before the old ones go: a crash in between leaves rows twice, which count once.

    Returns:
        Rows that went.

    Raises:
        StoreError: the store cannot be written.
    """
    try:
        return sum(_tidy(store, table, before) for table in _ENDS)
    except OSError as problem:
        raise StoreError(f"{store}: {problem.strerror}; is it writable, is there space?") from problem


def _tidy(store: Path, table: Table, before: datetime | None) -> int:
    folder = store / table.name
    _remove_leftovers(folder)
    files = sorted(folder.glob("*.parquet"))
    findings = Findings()
    rows = _rows(folder, table, findings).unique(maintain_order=True)
    if findings.problems:  # a damaged file is left for someone to look at
        return 0
    end = pl.col(_ENDS[table])
    kept = rows if before is None else rows.filter(end.is_null() | (end >= before))
    gone = rows.height - kept.height
    if not gone and len(files) <= MOST_FILES:
        return 0
    kept = _thinned(kept) if table is _SETTINGS else kept
    merged = _write(folder, kept) if not kept.is_empty() else None
    for file in files:
        if file != merged:
            file.unlink(missing_ok=True)
    return gone


def _thinned(rows: pl.DataFrame) -> pl.DataFrame:
    """Without readings of settings that tell no more than the one before and the one after.

    Every night reads every setting: without this each night would be slower than the one before it.
    """
    is_open = pl.col("valid_from").is_null() & pl.col("valid_to").is_null()
    is_reading = pl.col("read_at").is_not_null() & is_open
    readings = rows.filter(is_reading).sort("resource", "setting", "source", "read_at", "value")
    value, told_by = pl.col("value"), ("resource", "setting", "source")
    is_between = (value == value.shift(1).over(told_by)) & (value == value.shift(-1).over(told_by))
    return pl.concat([rows.filter(~is_reading), readings.filter(~is_between.fill_null(value=False))])


def _remove_leftovers(folder: Path) -> None:
    """What a crash left unfinished; a younger file may be in the making."""
    for left in folder.glob("*.partial"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < time.time() - _UNFINISHED_S:
                left.unlink()


def _write(folder: Path, rows: pl.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(rows.to_arrow(), sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    final = folder / f"{blake2b(content, digest_size=12).hexdigest()}.parquet"
    if final.exists():
        return final
    partial = final.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(final)
    _sync(folder)
    return final


def _sync(folder: Path) -> None:
    """The new name survives a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
