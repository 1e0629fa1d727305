"""What a day's answer rests on, as one digest: it changes when late lines or events come."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from pathlib import Path

import polars as pl

from pipeline import __version__
from pipeline.attribute import causes
from pipeline.ingest.lake import Lake
from pipeline.model import COVERAGE, EVENTS, METRICS, SETTINGS, Window

AROUND = timedelta(hours=1)
"""Lines and events this long before and after the day matter to it: whole hours, as the lake's files are."""
EVENTS_BEFORE = timedelta(days=7)
"""Events that say who a target is; older ones that come late change no answered day by themselves."""
_OF_AN_EVENT = pl.exclude("source_ref")


def window_of(day: date) -> Window:
    """From midnight to midnight, UTC."""
    start = datetime.combine(day, time(), UTC)
    return Window(start, start + timedelta(days=1))


def digest(lake: Lake, timeline: dict[str, pl.DataFrame], day: date) -> str:
    """The digest of one day.

    Args:
        lake: its objects and the hash of each.
        timeline: rows of `events`, `coverage`, `settings` and `metrics`.
        day: UTC.
    """
    whole = window_of(day)
    if whole.since is None or whole.until is None:
        raise AssertionError
    since, until = whole.since - AROUND, whole.until + AROUND
    found = blake2b(digest_size=16)
    found.update(f"{__version__} {causes.digest()}".encode())
    found.update(json.dumps(lake.objects_around(Window(since, until))).encode())
    for rows in (
        _events(timeline[EVENTS.name], since, until),
        _coverage(timeline[COVERAGE.name], since, until),
        _settings(timeline[SETTINGS.name], since, until),
        timeline[METRICS.name].filter(pl.col("minute").is_between(since, until)),
    ):
        found.update(_content(rows))
    return found.hexdigest()


def _events(rows: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    return rows.filter(pl.col("occurred_at").is_between(since - EVENTS_BEFORE, until)).select(_OF_AN_EVENT)


def _coverage(rows: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """What each source watched of the day: a second look at the same hours is no news."""
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for source, start, end in rows.select("source", "covered_from", "covered_to").sort(pl.all()).iter_rows():
        if start <= until and end >= since:
            _join(spans.setdefault(source, []), max(start, since), min(end, until))
    joined = [(source, *span) for source, all_spans in spans.items() for span in all_spans]
    instant = pl.Datetime("us", "UTC")
    schema = {"source": pl.String(), "covered_from": instant, "covered_to": instant}
    return pl.DataFrame(joined, schema=schema, orient="row")


def _join(spans: list[tuple[datetime, datetime]], start: datetime, end: datetime) -> None:
    if spans and start <= spans[-1][1]:
        spans[-1] = spans[-1][0], max(end, spans[-1][1])
    else:
        spans.append((start, end))


def _settings(rows: pl.DataFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """Values in force on the day; from when and until when matters only within it."""
    starts, ends = pl.col("valid_from"), pl.col("valid_to")
    inside = rows.filter((starts.is_null() | (starts <= until)) & (ends.is_null() | (ends >= since)))
    return inside.with_columns(
        pl.when(starts > since).then(starts).alias("valid_from"),
        pl.when(ends < until).then(ends).alias("valid_to"),
    )


def _content(rows: pl.DataFrame) -> bytes:
    """The rows, each once, in an order that only they decide."""
    lines = sorted({json.dumps(row, default=str) for row in rows.iter_rows()})
    return blake2b("\n".join([*rows.columns, *lines]).encode(errors="replace")).digest()


def listing(folder: Path) -> str:
    """Digest of the names, sizes and times of all files below a folder: unchanged dumps need no reading."""
    return blake2b("\n".join(sorted(_files(folder))).encode(errors="replace"), digest_size=16).hexdigest()


def _files(folder: Path) -> Iterable[str]:
    for path in [folder, *folder.rglob("*")]:
        if path.is_file():
            state = path.stat()
            yield f"{path} {state.st_size} {state.st_mtime_ns}"
