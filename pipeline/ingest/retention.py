"""Lets old hours go: their rows leave the lake, their objects stay known and are not read again.

Objects of long ago can be forgotten too, where nobody looks that far back: else the ledger grows for ever.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from pipeline.ingest import grouped, keys, replace
from pipeline.ingest.arrow import Column
from pipeline.ingest.lake import Lake
from pipeline.ingest.ledger import FILE_COLUMNS, FileEntry, file_entry
from pipeline.ingest.stored import OF_LINES

_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class ExpirySummary:
    """What left the lake: files, rows of `requests`, rejected lines, connections and health checks."""

    files: int
    rows: int
    rejected: int
    others: int = 0


def expire(lake: Lake, before: datetime) -> ExpirySummary:
    """Drop the hours that ended before ``before`` (UTC), rounded down to an hour.

    A file that mixes many hours stays until its last row is old enough. Rejected lines carry no time:
    those of an object go when all its rows are gone and its interval (or, where its name tells none, the time
    of its ingestion) is old enough. Files leave the disk an hour later, for readers that hold an older list.

    Raises:
        StoreError: the lake cannot be read or written, or another process is writing to it.
    """
    cut = int(before.timestamp()) * 1_000_000 // _HOUR_US * _HOUR_US
    with lake.writing():
        old = _old_files(lake, cut)
        requests = _count(lake, (entry for entry in old if entry.kind == "requests"))
        others = _count(lake, (entry for entry in old if entry.kind in OF_LINES and entry.kind != "requests"))
        if old:
            gone = {key: (n, 0) for key, n in (requests + others).items()}
            lake.exchange([entry.path for entry in old], [], gone)
        rejected = _expire_rejects(lake, cut)
    return ExpirySummary(len(old), requests.total(), rejected, others.total())


def forget(lake: Lake, before: datetime) -> int:
    """Take objects out of the ledger of which no row is left and whose interval ended before ``before``, UTC.

    Those whose names tell no interval stay: a pull could not leave them out by its window, and would read
    them again.

    Returns:
        How many went.

    Raises:
        StoreError: the lake cannot be written, or another process is writing to it.
    """
    with lake.writing():
        gone = [
            str(locator)
            for locator, key in lake.ledger.ask(
                "select locator, object_key from objects"
                " where rows = expired_rows and rejected = expired_rejected"
            )
            if (named := keys.parse(str(key))) is not None and named.end < before
        ]
        if gone:
            lake.forget(gone)
    return len(gone)


def _old_files(lake: Lake, cut: int) -> list[FileEntry]:
    found = lake.ledger.ask(f"select {FILE_COLUMNS} from files where last_time < ?", (cut,))  # noqa: S608 - own names
    return [file_entry(row) for row in found]


def _count(lake: Lake, files: Iterable[FileEntry]) -> Counter[str]:
    """Rows by object key."""
    counts: Counter[str] = Counter()
    for entry in files:
        for table in grouped.groups(lake.root / entry.path, ["object_key"]):
            counts.update(rows_by_key(table))
    return counts


def rows_by_key(table: pa.Table) -> dict[str, int]:
    """Rows of a table by object key."""
    counted: Column = table.column("object_key").cast(pa.string()).value_counts()
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def _expire_rejects(lake: Lake, cut: int) -> int:
    """Drop the rejected lines of objects whose rows are all gone; returns their number."""
    old: dict[str, tuple[str, int]] = {}
    for locator, key, rejected, ingested_at in lake.ledger.ask(
        "select locator, object_key, rejected - expired_rejected, ingested_at from objects"
        " where rejected > expired_rejected and rows = expired_rows"
    ):
        if isinstance(rejected, int) and isinstance(ingested_at, int) and _end(str(key), ingested_at) < cut:
            old[str(locator)] = (str(key), rejected)
    if old:
        rest, retired = replace.without(lake.root, lake.ledger, list(old), ["rejected_lines"])
        lake.exchange(retired, rest, {key: (0, rejected) for key, rejected in old.values()})
    return sum(rejected for _, rejected in old.values())


def _end(object_key: str, ingested_at: int) -> int:
    """End of an object's interval (µs); where its name tells none, when it was ingested."""
    named = keys.parse(object_key)
    if named is None:
        return ingested_at
    return int((named.end - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000
