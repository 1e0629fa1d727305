"""Do the clocks of dumps and logs agree? A dump in local time looks complete and explains nothing.

A target that appears in the log was registered shortly before. When most appearances have their joins at
one and the same distance, and that distance is long, the dumps' clock is off.
"""

from datetime import datetime, timedelta

import polars as pl

from pipeline.timeline.base import Problem

_JOINS = ("target_registered", "node_joined", "instance_launched", "pod_became_ready", "node_became_ready")
_LIKELY_S = 600
"""A join up to ten minutes from the first request is an ordinary one."""
_FURTHEST_S = 15 * 3600
_BIN_S = 300
_FEWEST, _SHARE = 3, 0.6
"""So many appearances, and this share of them, must agree on one distance."""
_FAR = timedelta(days=2)
_MOST_FILES = 3


def disagreements(events: pl.DataFrame, sightings: pl.DataFrame) -> list[Problem]:
    """Sentences about clocks that cannot both be right.

    Args:
        events: rows of `events`.
        sightings: stretches of traffic per target, as `intermediate/sightings` makes them.
    """
    if events.is_empty() or sightings.is_empty():
        return []
    first, last = _instant(sightings["first_seen_at"].min()), _instant(sightings["last_seen_at"].max())
    nearby = events.filter(pl.col("occurred_at").is_between(first - _FAR, last + _FAR))
    if nearby.is_empty():
        return [Problem("timeline", _apart(events, first, last))]
    shift = _shift(nearby, sightings.filter(pl.col("first_seen_at") > first + timedelta(seconds=_LIKELY_S)))
    if shift is None:
        return []
    shift_s, files = shift
    direction = "behind" if shift_s > 0 else "ahead of"
    return [
        Problem(
            ", ".join(files),
            f"its clock seems to be {abs(shift_s) / 3600:.1f} h {direction} the log's: targets join there at "
            "that distance from their first request; were the dumps written in local time? "
            "Verdicts lack its events",
        )
    ]


def _apart(events: pl.DataFrame, first: datetime, last: datetime) -> str:
    since, until = _instant(events["occurred_at"].min()), _instant(events["occurred_at"].max())
    return (
        f"all its events lie between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M} UTC, the log between "
        f"{first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M} UTC; is this the timeline of another time?"
    )


def _shift(events: pl.DataFrame, appearances: pl.DataFrame) -> tuple[int, list[str]] | None:
    """Seconds from the joins to the appearances, when most agree and it is long; the files that tell them."""
    file = pl.col("source_ref").str.extract(r"^([^# ]+)").alias("file")
    joins = events.filter(pl.col("kind").is_in(_JOINS)).select(
        pl.coalesce("private_ip", "pod_ip").alias("target_ip"), "occurred_at", file
    )
    lags = (
        appearances.select("target_ip", "first_seen_at")
        .join(joins, on="target_ip")
        .with_columns((pl.col("first_seen_at") - pl.col("occurred_at")).dt.total_seconds().alias("lag_s"))
        .filter(pl.col("lag_s").abs() <= _FURTHEST_S)
        .with_columns((pl.col("lag_s") / _BIN_S).round().cast(pl.Int64).alias("bin"))
    )
    told = appearances.height
    ordinary = lags.filter(pl.col("lag_s").abs() <= _LIKELY_S).select("target_ip", "first_seen_at").n_unique()
    odd = (
        lags.filter(pl.col("lag_s").abs() > _LIKELY_S)
        .sort("file")
        .unique(["target_ip", "first_seen_at", "bin"], keep="first")
    )
    votes = (
        odd.group_by("bin")
        .agg(pl.len().alias("votes"), pl.col("lag_s").median())
        .sort("votes", "bin", descending=True)
    )
    if votes.is_empty() or ordinary >= _SHARE * told:
        return None
    most, lag_s = int(votes["votes"][0]), float(votes["lag_s"][0])
    if most < max(_FEWEST, _SHARE * told):
        return None
    files = odd.filter(pl.col("bin") == votes["bin"][0])["file"].unique().sort().to_list()
    return round(lag_s), files[:_MOST_FILES]


def _instant(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is no instant")
    return value
