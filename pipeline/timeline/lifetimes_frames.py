"""Small frame operations that every part of the reconciliation uses."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from pipeline.model import LIFETIMES
from pipeline.timeline.base import frame

ORDER = ("occurred_at", "uncertainty_s", "source", "event_id")
"""Total order of events, whatever order files were read in; of one instant the surest comes first."""

FIRST_NEWS, LAST_NEWS, OWNER = "first_news_at", "last_news_at", "owner"
FIRST_SOURCE, FIRST_EVENT = "first_news_source", "first_news_event_id"
"""Working columns: first and last event of a lifetime, and the stable key of node or pod."""


def seconds(count: float) -> timedelta:
    """A span of so many seconds."""
    return timedelta(seconds=count)


def canonical(events: pl.DataFrame) -> pl.DataFrame:
    """Events once each, in total order."""
    return events.sort(*ORDER, "source_ref").unique("event_id", keep="first", maintain_order=True)


def is_kind(*kinds: str) -> pl.Expr:
    """Whether an event is of one of these kinds."""
    return pl.col("kind").is_in(list(kinds))


def pick(events: pl.DataFrame, by: Sequence[str], rank: pl.Expr, *, latest: bool = False) -> pl.DataFrame:
    """The best event of each group: lowest rank, then earliest (or latest); rank NULL is out.

    Args:
        events: events in any order, with the group's columns.
        by: columns of the group.
        rank: preference, lower is better; events of NULL rank are no candidates.
        latest: prefer the latest of equal rank.
    """
    ranked = events.with_columns(rank.alias("rank_")).filter(pl.col("rank_").is_not_null())
    descending = [False, latest, *(False for _ in ORDER[1:])]
    return (
        ranked.sort("rank_", *ORDER, descending=descending)
        .unique(by, keep="first", maintain_order=True)
        .drop("rank_")
    )


def news() -> list[pl.Expr]:
    """First and last event of a group of events in total order."""
    return [
        pl.col("occurred_at").first().alias(FIRST_NEWS),
        pl.col("occurred_at").last().alias(LAST_NEWS),
        pl.col("source").first().alias(FIRST_SOURCE),
        pl.col("event_id").first().alias(FIRST_EVENT),
    ]


def first_value(name: str) -> pl.Expr:
    """First value of a column that is not NULL, in the order of the rows."""
    return pl.col(name).drop_nulls().first()


def asof(left: pl.DataFrame, right: pl.DataFrame, at: str, since: str, by: Sequence[str]) -> pl.DataFrame:
    """Rows of ``left`` with the row of ``right`` that was in force ``at``; else the next one to come.

    Args:
        left: rows with ``at`` and the ``by`` columns.
        right: rows with ``since`` and the ``by`` columns; ``since`` may be NULL (then it is dropped).
        at: column of left, instant.
        since: column of right, instant.
        by: equality columns.
    """
    right = right.drop_nulls([since, *by]).sort(since)
    both = left.sort(at)
    back = both.join_asof(right, left_on=at, right_on=since, by=list(by), check_sortedness=False)
    missing = back[since].is_null()
    ahead = both.filter(missing).join_asof(
        right, left_on=at, right_on=since, by=list(by), strategy="forward", check_sortedness=False
    )
    return pl.concat([back.filter(~missing), ahead])


def lifetimes_like(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with exactly the columns of `lifetimes` plus the working ones; what is missing is NULL."""
    empty = frame(LIFETIMES, [])
    wanted = dict(empty.schema) | {
        OWNER: pl.String(),
        FIRST_SOURCE: pl.String(),
        FIRST_EVENT: pl.String(),
        FIRST_NEWS: empty.schema["joined_at"],
        LAST_NEWS: empty.schema["joined_at"],
    }
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in wanted.items()
    )
