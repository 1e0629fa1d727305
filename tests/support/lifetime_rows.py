"""Builders for tests of lifetimes: events, settings and sightings in few words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from pipeline.model import EVENTS, SETTINGS
from pipeline.timeline.base import frame
from pipeline.timeline.lifetimes import reconcile
from pipeline.timeline.lifetimes_logs import SIGHTINGS

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Row = dict[str, Any]


def after(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def event(
    kind: str, seconds: float, source: str = "cloudtrail", uncertainty_s: float = 1.0, /, **columns: object
) -> Row:
    """One event; its id follows from what it says."""
    own = "|".join(str(part) for part in (kind, seconds, source, sorted(columns.items())))
    return {
        "event_id": own,
        "occurred_at": after(seconds),
        "uncertainty_s": uncertainty_s,
        "source": source,
        "kind": kind,
        "source_ref": "made.json",
        **columns,
    }


def setting(resource: str, name: str, value: str) -> Row:
    """One value of a setting, in force always."""
    return {"resource": resource, "setting": name, "value": value, "source": "made"}


def sight(ip: str, first: float, last: float, requests: int = 1000, group: str = "tg") -> Row:
    """One unbroken span of requests to an address."""
    return {
        "target_group_arn": group,
        "target_ip": ip,
        "target_port": 30080,
        "first_seen_at": after(first),
        "last_seen_at": after(last),
        "requests": requests,
    }


def lifetimes(
    events: list[Row], settings: list[Row] | None = None, sightings: list[Row] | None = None
) -> pl.DataFrame:
    """Reconciled lifetimes, by kind, address and time."""
    seen = pl.DataFrame(sightings or [], schema=SIGHTINGS)
    return reconcile(frame(EVENTS, events), frame(SETTINGS, settings or []), seen)


def only(rows: pl.DataFrame, **columns: object) -> Row:
    """The single row with these values."""
    found = rows
    for name, value in columns.items():
        found = found.filter(pl.col(name) == value)
    assert found.height == 1, found
    return found.row(0, named=True)


def since_noon(instant: datetime | None) -> float | None:
    """Seconds after noon."""
    return None if instant is None else (instant - NOON).total_seconds()
