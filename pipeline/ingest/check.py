"""Compares the lake with its ledger: every file, every byte, every line of every object."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.errors import StoreError
from pipeline.ingest import grouped
from pipeline.ingest.arrow import Column
from pipeline.ingest.lake import Lake
from pipeline.ingest.ledger import FILE_COLUMNS, FileEntry, file_entry
from pipeline.ingest.replace import locators_of
from pipeline.ingest.stored import STORED, TIMED

_COLUMNS = ("object_key", "line_number", "elb_status_code", "time")
_GATEWAY_ERRORS = (502, 504)


@dataclass
class CheckReport:
    """Sentences about what is wrong, and how much was looked at; no findings: all is well."""

    files: int = 0
    objects: int = 0
    rows: int = 0
    """Of `requests`."""
    connections: int = 0
    health_checks: int = 0
    rejected: int = 0
    unchecked: int = 0
    """Files from before checksums were kept."""
    findings: list[str] = field(default_factory=list)
    damaged: set[int] = field(default_factory=set)
    """Ids, in the ledger, of files that are not as they were written."""


@dataclass
class _Counts:
    """What the files hold, by object key."""

    requests: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    health_checks: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    rejected_lines: Counter[str] = field(default_factory=Counter)
    expected_errors: Counter[str] = field(default_factory=Counter)
    line_sums: Counter[str] = field(default_factory=Counter)

    def rows(self, key: str) -> int:
        """Rows of an object, whichever table its kind of log goes into."""
        return self.requests[key] + self.connections[key] + self.health_checks[key]


@dataclass(frozen=True)
class _Object:
    locator: str
    key: str
    lines: int
    rows: int
    rejected: int
    expired_rows: int
    expired_rejected: int


def check(lake: Lake) -> CheckReport:
    """Verify every file of the ledger and the lines of every object; nothing is changed.

    A pull, compaction or expiry may run meanwhile: what is checked is the state at the start.

    Raises:
        StoreError: the ledger cannot be read.
    """
    with lake.snapshot():
        files = _files(lake)
        objects = _objects(lake)
    report = CheckReport(files=len(files), objects=len(objects))
    counts = _Counts()
    for ident, entry in files.items():
        finding = _file_finding(lake.root, entry) or _count(lake, ident, entry, counts)
        if finding is not None and _is_current(lake, entry):
            report.damaged.add(ident)
            report.findings.append(finding)
        report.unchecked += entry.crc32 is None
    report.rows = counts.requests.total()
    report.connections, report.health_checks = counts.connections.total(), counts.health_checks.total()
    report.rejected = counts.rejected_lines.total()
    report.findings += _object_findings(objects, counts, _affected(lake, report.damaged))
    report.findings += _strays(lake)
    return report


def repair(lake: Lake) -> list[str]:
    """Forget every object with rows in a damaged file, so that the next pull reads it again.

    Returns:
        The keys of these objects.

    Raises:
        StoreError: the lake cannot be read or written, or another process is writing to it.
    """
    with lake.writing():
        damaged = check(lake).damaged
        keys = sorted(_affected(lake, damaged))
        locators = sorted({one for ident in damaged for one in locators_of(lake.ledger, ident)})
        if locators:
            lake.forget(locators)
    return keys


def _files(lake: Lake) -> dict[int, FileEntry]:
    found = lake.ledger.ask(f"select id, {FILE_COLUMNS} from files order by path")  # noqa: S608 - own names
    return {ident: file_entry(row) for ident, *row in found if isinstance(ident, int)}


def _objects(lake: Lake) -> list[_Object]:
    found = lake.ledger.ask(
        "select locator, object_key, lines, rows, rejected, expired_rows, expired_rejected"
        " from objects order by object_key"
    )
    return [
        _Object(str(locator), str(key), *(n if isinstance(n, int) else 0 for n in numbers))
        for locator, key, *numbers in found
    ]


def _is_current(lake: Lake, entry: FileEntry) -> bool:
    """Is the file still part of the lake, or has a writer replaced it meanwhile?"""
    return bool(lake.ledger.ask("select 1 from files where path = ?", (entry.path,)))


def _affected(lake: Lake, damaged: set[int]) -> set[str]:
    """Keys of objects with rows in damaged files: one finding for the file is enough."""
    found = lake.ledger.ask("select file_id, object_key from file_objects join objects on object_id = id")
    return {str(key) for ident, key in found if ident in damaged}


def _file_finding(root: Path, entry: FileEntry) -> str | None:
    """What is wrong with the bytes of a file."""
    try:
        size, checksum = grouped.fingerprint(root / entry.path)
    except FileNotFoundError:
        return f"{entry.path} is missing" + _loss(entry)
    except OSError as problem:
        return f"{entry.path} cannot be read: {problem.strerror}"
    if entry.size is not None and size != entry.size:
        return f"{entry.path} has {size:,} bytes where {entry.size:,} were written" + _loss(entry)
    if entry.crc32 is not None and checksum != entry.crc32:
        return f"{entry.path} has other bytes than were written" + _loss(entry)
    return None


def _loss(entry: FileEntry) -> str:
    table = entry.kind.replace("_", " ")
    return f": {entry.rows:,} rows ({table}) are at stake" if entry.rows is not None else f" ({table})"


def _count(lake: Lake, ident: int, entry: FileEntry, counts: _Counts) -> str | None:
    """Count the rows of a file by object; a sentence where they are not what the ledger says."""
    rows = 0
    first, last = entry.first_time, entry.last_time
    in_file = _Counts()
    try:
        for table in grouped.groups(lake.root / entry.path, _columns(entry.kind)):
            rows += table.num_rows
            if entry.kind in TIMED and not _is_within(table, first, last):
                return f"{entry.path} has rows outside the time that the ledger knows"
            _tally(entry.kind, table, in_file)
    except (StoreError, KeyError, pa.ArrowInvalid) as problem:
        return f"{entry.path} is no Parquet file of this lake: {problem}"
    if entry.rows is not None and rows != entry.rows:
        return f"{entry.path} holds {rows:,} rows where {entry.rows:,} were written"
    foreign = getattr(in_file, entry.kind).keys() - _keys_in(lake, ident)
    if foreign:
        return f"{entry.path} has rows of {min(foreign)}, which the ledger does not know to be in it"
    for name, counter in vars(counts).items():
        counter.update(getattr(in_file, name))
    return None


def _columns(kind: str) -> list[str]:
    return [name for name in _COLUMNS if name in STORED[kind].schema.names]


def _keys_in(lake: Lake, ident: int) -> set[str]:
    found = lake.ledger.ask(
        "select object_key from objects join file_objects on object_id = id where file_id = ?", (ident,)
    )
    return {str(key) for (key,) in found}


def _is_within(table: pa.Table, first: int | None, last: int | None) -> bool:
    times = np.asarray(table.column("time").cast(pa.int64()))
    return first is not None and last is not None and bool(first <= times.min() and times.max() <= last)


def _tally(kind: str, table: pa.Table, counts: _Counts) -> None:
    encoded: Column = table.column("object_key").cast(pa.string()).combine_chunks().dictionary_encode()
    keys: list[str] = encoded.dictionary.to_pylist()
    places = np.asarray(encoded.indices)
    rows = np.bincount(places, minlength=len(keys))
    _add(getattr(counts, kind), keys, rows)
    if kind == "errors":
        return
    lines = np.asarray(table.column("line_number"))
    _add(counts.line_sums, keys, np.bincount(places, lines, len(keys)))
    if kind == "requests":
        failed = np.isin(np.asarray(table.column("elb_status_code")), _GATEWAY_ERRORS)
        _add(counts.expected_errors, keys, np.bincount(places[failed], minlength=len(keys)))


def _add(counter: Counter[str], keys: list[str], amounts: Column) -> None:
    for key, amount in zip(keys, amounts.tolist(), strict=True):
        counter[key] += int(amount)


def _object_findings(objects: list[_Object], counts: _Counts, affected: set[str]) -> list[str]:
    return [
        sentence
        for one in objects
        if one.key not in affected and (sentence := _object_finding(one, counts)) is not None
    ]


def _object_finding(one: _Object, counts: _Counts) -> str | None:
    rows, rejected = counts.rows(one.key), counts.rejected_lines[one.key]
    gone = one.expired_rows + one.expired_rejected
    if (rows + one.expired_rows, rejected + one.expired_rejected) != (one.rows, one.rejected) or (
        one.rows + one.rejected != one.lines
    ):
        return (
            f"{one.key} has {one.lines:,} lines ({one.rows:,} rows, {one.rejected:,} rejected), but the"
            f" lake holds {rows:,} rows and {rejected:,} rejected lines of it; {gone:,} have expired"
        )
    if not gone and counts.line_sums[one.key] != one.lines * (one.lines + 1) // 2:
        return f"{one.key}: some of its lines are in the lake twice and others are not"
    if counts.errors[one.key] != counts.expected_errors[one.key]:
        return (
            f"{one.key} has {counts.expected_errors[one.key]:,} requests with 502 or 504, "
            f"but {counts.errors[one.key]:,} in the files of errors"
        )
    return None


def _strays(lake: Lake) -> list[str]:
    """Files that nobody knows; those of a writer at work do not count."""
    before = lake.known_files()
    present = [*lake.present_files()]
    if lake.has_writer:
        return []
    strays = sorted(set(present) - before - lake.known_files())
    return [
        f"{path} is not in the ledger and does not count; the next pull removes such Parquet files"
        for path in strays
    ]
