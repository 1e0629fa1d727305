"""Puts the many small files of a finished hour together: one file, sorted by time.

Every hour is one exchange in the ledger. Memory holds one row group of a source and one slice of the
result, never an hour.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.ingest import grouped, slices
from pipeline.ingest.arrow import Column, Encoded
from pipeline.ingest.lake import Lake
from pipeline.ingest.ledger import FILE_COLUMNS, FileEntry, file_entry
from pipeline.ingest.replace import locators_of
from pipeline.ingest.slices import Slice, Times
from pipeline.model import INSTANT

LATENESS = timedelta(hours=2)
"""An hour is finished when the newest row is this much younger than its end."""

MIN_FILES = 4
"""Fewer files of an hour are left as they are."""

_HOUR_US = 3_600_000_000
_GROUP_ROWS = 200_000
_SLICE_BYTES = 192 << 20
_SMALL_REJECTS, _REJECT_BYTES = 20_000, 16 << 20


class _Source(NamedTuple):
    ident: int
    entry: FileEntry


@dataclass
class CompactionSummary:
    """What one compaction did; bytes on disk. ``problems`` names files that were left for damage."""

    groups: int = 0
    files_before: int = 0
    files_after: int = 0
    rows: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    problems: list[str] = field(default_factory=list)


def compact(lake: Lake, *, min_files: int = MIN_FILES, now: datetime | None = None) -> CompactionSummary:
    """Merge the files of every finished (load balancer, hour), and small files of rejected lines.

    Args:
        lake: the store.
        min_files: an hour with fewer files is left alone.
        now: rows from the future do not finish an hour; default the clock.

    Raises:
        StoreError: the lake cannot be written, or another process is writing to it.
    """
    summary = CompactionSummary()
    with lake.writing():
        for sources in _groups(lake, min_files, now or datetime.now(UTC)):
            problem = _damage(lake, sources)
            if problem is None:
                _merge(lake, sources, summary)
            else:
                summary.problems.append(problem)
    return summary


def _groups(lake: Lake, min_files: int, now: datetime) -> Iterator[list[_Source]]:
    finished_before = _finished_before(lake, now)
    found: dict[tuple[str, str | None, str], list[_Source]] = defaultdict(list)
    for ident, *row in lake.ledger.ask(f"select id, {FILE_COLUMNS} from files order by first_time, id"):  # noqa: S608 - own names
        entry = file_entry(row)
        if isinstance(ident, int) and (entry.kind != "rejected_lines" or _rows(lake, entry) < _SMALL_REJECTS):
            found[entry.kind, entry.elb, str(Path(entry.path).parent)].append(_Source(ident, entry))
    for sources in found.values():
        last = max(source.entry.last_time or 0 for source in sources)
        if len(sources) >= max(2, min_files) and last < finished_before:
            yield sources


def _finished_before(lake: Lake, now: datetime) -> int:
    """Hours that end at or before this (µs) are finished."""
    span = lake.span()
    newest = min(span[1], now) if span else now
    return int((newest - LATENESS).timestamp() * 1_000_000) // _HOUR_US * _HOUR_US


def _rows(lake: Lake, entry: FileEntry) -> int:
    """Rows of a file; those from before the ledger kept them are in its footer."""
    if entry.rows is not None:
        return entry.rows
    try:
        return pq.read_metadata(lake.root / entry.path).num_rows
    except grouped.READ_ERRORS:
        return 0


def _damage(lake: Lake, sources: Sequence[_Source]) -> str | None:
    """A sentence about the first damaged file: its rows must not come out as if they were sound."""
    for _, entry in sources:
        try:
            found = grouped.fingerprint(lake.root / entry.path)
        except OSError as problem:
            return f"{entry.path}: cannot be read: {problem.strerror}; its hour is left as it is"
        if entry.crc32 is not None and found != (entry.size, entry.crc32):
            return f"{entry.path}: is not as it was written; its hour is left as it is"
    return None


def _merge(lake: Lake, sources: Sequence[_Source], summary: CompactionSummary) -> None:
    first = sources[0].entry
    expected = sum(_rows(lake, source.entry) for source in sources)
    paths = [lake.root / source.entry.path for source in sources]
    tables = (
        _small_groups(paths) if first.kind == "rejected_lines" else _sorted_groups(lake, sources, expected)
    )
    with grouped.create(lake.root, str(Path(first.path).parent), first.kind) as (merged, path):
        for table in tables:
            merged.add(table)
        if merged.rows != expected:
            raise StoreError(
                f"{paths[0].parent}: {expected} rows would become {merged.rows}; nothing was changed"
            )
    entry = FileEntry(first.kind, path, first.elb, merged.first_time, merged.last_time, merged.rows)
    entry = grouped.sealed(lake.root, entry)
    locators = {one for source in sources for one in locators_of(lake.ledger, source.ident)}
    before = sum(one.stat().st_size for one in paths)
    lake.exchange([source.entry.path for source in sources], [(entry, sorted(locators))])
    summary.groups += 1
    summary.files_before += len(sources)
    summary.files_after += 1
    summary.rows += expected
    summary.bytes_before += before
    summary.bytes_after += entry.size or 0


def _small_groups(paths: Sequence[Path]) -> Iterator[pa.Table]:
    """Rejected lines as they come, in row groups bounded by rows and by bytes."""
    waiting: list[pa.Table] = []
    for table in (table for path in paths for table in grouped.groups(path)):
        waiting.append(table)
        if sum(one.num_rows for one in waiting) >= _SMALL_REJECTS or _bytes(waiting) >= _REJECT_BYTES:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _bytes(tables: Sequence[pa.Table]) -> int:
    return sum(table.nbytes for table in tables)


def _sorted_groups(lake: Lake, sources: Sequence[_Source], rows: int) -> Iterator[pa.Table]:
    """Row groups in the order of time."""
    spans = [
        (lake.root / entry.path, entry.first_time, entry.last_time)
        for _, entry in sources
        if entry.first_time is not None and entry.last_time is not None
    ]
    most = _most_rows([path for path, _, _ in spans], rows)
    first, last = min(start for _, start, _ in spans), max(end for _, _, end in spans)

    def overlapping(start: int, end: int) -> list[Path]:
        return [path for path, low, high in spans if low <= end and high >= start]

    def times(start: int, end: int) -> Iterator[Times]:
        for path in overlapping(start, end):
            yield from (_micros(table) for table in grouped.groups(path, ["time"]))

    for part in slices.cut(times, first, last, rows, most):
        tables = (within for path in overlapping(part.first, part.last) for within in _within(path, part))
        if part.rows > most:  # all of one microsecond: in order as they are
            yield from tables
        else:
            yield _sorted([*tables])


def _most_rows(paths: Sequence[Path], rows: int) -> int:
    """Rows of a slice: fewer where rows are long."""
    try:
        size = sum(
            metadata.row_group(number).total_byte_size
            for metadata in map(pq.read_metadata, paths)
            for number in range(metadata.num_row_groups)
        )
    except grouped.READ_ERRORS as problem:
        raise grouped.unreadable(paths[0].parent, problem) from problem
    return max(1, min(_GROUP_ROWS, _SLICE_BYTES * rows // max(size, 1)))


def _within(path: Path, part: Slice) -> Iterator[pa.Table]:
    """Rows of a file in a slice of time, by row group."""
    try:
        with pq.ParquetFile(path) as file:
            for number in filter(partial(_may_hold, file, part), range(file.num_row_groups)):
                table = file.read_row_group(number)
                times = _micros(table)
                inside = (times >= part.first) & (times <= part.last)
                yield table if inside.all() else table.filter(pa.array(inside))
    except grouped.READ_ERRORS as problem:
        raise grouped.unreadable(path, problem) from problem


def _may_hold(file: pq.ParquetFile, part: Slice, number: int) -> bool:
    """Do the statistics of a row group allow for rows in the slice?"""
    place = file.schema_arrow.get_field_index("time")
    known = file.metadata.row_group(number).column(place).statistics
    if known is None or not known.has_min_max:
        return True
    low, high = np.asarray(pa.array([known.min, known.max], INSTANT).cast(pa.int64()))
    return bool(low <= part.last and high >= part.first)


def _micros(table: pa.Table) -> Times:
    times: Column = table.column("time").cast(pa.int64())
    return np.asarray(times.to_numpy(), np.int64)


def _sorted(tables: list[pa.Table]) -> pa.Table:
    """By time, then object and line, so that the same rows always make the same file."""
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    keys: Encoded = table.column("object_key").chunk(0)
    ranks = np.argsort(np.argsort(np.asarray(keys.dictionary.to_pylist(), dtype=object)))
    lines = np.asarray(table.column("line_number"))
    order = np.lexsort((lines, ranks[np.asarray(keys.indices)], _micros(table)))
    return table.take(pa.array(order, pa.int64()))
