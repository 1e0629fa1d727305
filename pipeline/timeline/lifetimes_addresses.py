"""An address belongs to one holder at a time: lives that share one are put one after the other."""

import polars as pl

from pipeline.timeline.lifetimes_frames import FIRST_EVENT, FIRST_NEWS, FIRST_SOURCE, LAST_NEWS, OWNER

START = pl.coalesce("joined_at", FIRST_NEWS)


def with_vpc(lives: pl.DataFrame) -> pl.DataFrame:
    """Lives without a VPC get the only one there is; with several, or none, they keep NULL."""
    known = lives["vpc_id"].drop_nulls().unique()
    only = known[0] if len(known) == 1 else None
    return lives.with_columns(pl.col("vpc_id").fill_null(pl.lit(only, pl.String)))


def one_after_the_other(lives: pl.DataFrame, shared: set[str]) -> pl.DataFrame:
    """Lives whose intervals do not overlap per kind, VPC and address.

    A life that nobody saw end has ended when the next holder starts: between its last news and then. One that
    seems to last into the next was told late (Kubernetes removes nodes minutes later): it is cut there.

    Args:
        lives: rows of lifetimes with the working columns.
        shared: addresses of nodes, which pods of the host network share: pods there are left as they are.
    """
    alone = pl.col("private_ip").is_null() | (
        (pl.col("kind") == "pod") & pl.col("private_ip").is_in(list(shared))
    )
    # Sorted by holder the next life is the next row: thousands of small groups cost more.
    holder = pl.struct("kind", pl.col("vpc_id").fill_null(""), "private_ip")
    rows = lives.filter(~alone).sort(
        "kind", pl.col("vpc_id").fill_null(""), "private_ip", START, FIRST_NEWS, OWNER
    )
    is_followed = (holder == holder.shift(-1)).fill_null(value=False)
    rows = rows.with_columns(
        pl.when(is_followed).then(following.shift(-1)).alias(name)
        for name, following in (
            ("next_at", START),
            ("next_by", _told("joined_known_by", FIRST_SOURCE)),
            ("next_id", _told("joined_event_id", FIRST_EVENT)),
        )
    )
    return pl.concat([_bounded(rows), lives.filter(alone)])


def _told(by_join: str, by_first_news: str) -> pl.Expr:
    """What tells the start of a life."""
    return pl.when(pl.col("joined_at").is_not_null()).then(by_join).otherwise(by_first_news)


def _bounded(rows: pl.DataFrame) -> pl.DataFrame:
    """Ends no later than the next holder's start, and no earlier than the own one."""
    next_at, left_at = pl.col("next_at"), pl.col("left_at")
    unseen = left_at.is_null() & next_at.is_not_null()
    late = (left_at > next_at).fill_null(value=False)
    gap = (next_at - pl.min_horizontal(LAST_NEWS, next_at)) / 2
    over = left_at - next_at
    rows = rows.with_columns(
        pl.when(unseen).then(next_at - gap).when(late).then(next_at).otherwise(left_at).alias("left_at"),
        pl.when(unseen).then(_seconds(gap))
        .when(late).then(pl.max_horizontal("left_uncertainty_s", _seconds(over)))
        .otherwise("left_uncertainty_s").alias("left_uncertainty_s"),
        pl.when(unseen).then("next_by").otherwise("left_known_by").alias("left_known_by"),
        pl.when(unseen).then("next_id").otherwise("left_event_id").alias("left_event_id"),
    )  # fmt: skip
    return rows.drop("next_at", "next_by", "next_id")


def _seconds(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds() / 1e6


def not_backwards(lives: pl.DataFrame) -> pl.DataFrame:
    """Joins no later than the leave; a drain or a ready instant that the life did not reach is dropped."""
    left_at = pl.col("left_at")
    reached = (pl.col("ready_at") <= left_at).fill_null(value=True)
    drained = (pl.col("drain_started_at") <= left_at).fill_null(value=True)
    drain = ("drain_started_at", "drain_known_by", "drain_event_id")
    return lives.with_columns(
        pl.min_horizontal("joined_at", pl.when(pl.col("joined_at").is_not_null()).then(left_at)).alias(
            "joined_at"
        ),
        pl.when(reached).then("ready_at").alias("ready_at"),
        *(pl.when(drained).then(name).alias(name) for name in drain),
    )
