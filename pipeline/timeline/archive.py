"""The timeline in the lake: what was collected once is kept, because AWS and Kubernetes forget.

Every collection is one immutable Parquet file per table, named by its content, so that storing the same
dumps again changes nothing. Files may be put together: a row that is in two of them counts once.
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
from pipeline.model import COVERAGE, EVENTS, METRICS, SETTINGS, Table

MOST_FILES = 8
"""Files of a table beyond which they are put together."""
_ENDS = {EVENTS: "occurred_at", COVERAGE: "covered_to", SETTINGS: "valid_to", METRICS: "minute"}
"""What tells how old a row is; a setting that is in force is never old."""
_ATTEMPTS = 5
_UNFINISHED_S = 3600.0


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
    empty = pl.DataFrame(table.schema.empty_table())
    return pl.concat([empty, *_read(store / table.name)]).unique(maintain_order=True)


def _read(folder: Path) -> list[pl.DataFrame]:
    """All files of a table; they may be put together meanwhile, then they are looked for again."""
    for _ in range(_ATTEMPTS):
        try:
            return [pl.read_parquet(one) for one in sorted(folder.glob("*.parquet"))]
        except FileNotFoundError:
            continue
    raise StoreError(f"{folder}: files vanish while they are read; is another process deleting them?")


def recall_all(store: Path) -> dict[str, pl.DataFrame]:
    """`events`, `coverage`, `settings` and `metrics` as stored."""
    found = {table.name: recall(store, table) for table in (EVENTS, COVERAGE, SETTINGS, METRICS)}
    found[EVENTS.name] = found[EVENTS.name].unique("event_id", keep="first", maintain_order=True)
    return found


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
    rows = recall(store, table)
    if table is EVENTS:
        rows = rows.unique("event_id", keep="first", maintain_order=True)
    end = pl.col(_ENDS[table])
    kept = rows if before is None else rows.filter(end.is_null() | (end >= before))
    gone = rows.height - kept.height
    if not gone and len(files) <= MOST_FILES:
        return 0
    merged = _write(folder, kept) if not kept.is_empty() else None
    for file in files:
        if file != merged:
            file.unlink(missing_ok=True)
    return gone


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
