"""A machine that a source saw go without its address, and an address that fell silent then: the same one.

EC2 shows no address of a terminated instance, and Auto Scaling never shows one. So after the fact an end is
often told by an instance id alone, and seen by the log under an address alone. Where one of each fits, and no
other, the source tells why it went and the log when.
"""

import polars as pl

from pipeline.timeline.lifetimes_frames import FIRST_NEWS, LAST_NEWS, OWNER, seconds

NOTICED_S = 300.0
"""Auto Scaling and EC2 notice within so many seconds that an instance is gone."""
CLOCKS_S = 10.0
LAUNCHED_S = 60.0
"""A launch is told up to so much later than it was."""


def linked(lives: pl.DataFrame, silent: pl.DataFrame) -> pl.DataFrame:
    """Both sets of lives, with one row for a machine that each of them tells a part of.

    Args:
        lives: what sources tell; columns of `lifetimes` and the working ones, UTC.
        silent: what only the log tells, in the same columns.

    Returns:
        All lives; those that were put together keep the source's identity, its reason and the log's address.
        The log's instant replaces the source's, unless the machine was drained: then silence only means that.
    """
    pairs = _pairs(lives, silent)
    there = pl.col("seen_ip").is_not_null()
    abrupt = there & ~pl.col("is_graceful").fill_null(value=False)
    lives = lives.join(pairs.drop("seen_owner"), on=OWNER, how="left", maintain_order="left")
    lives = lives.with_columns(
        pl.when(there).then("seen_ip").otherwise("private_ip").alias("private_ip"),
        pl.when(abrupt).then("seen_left_at").otherwise("left_at").alias("left_at"),
        pl.when(abrupt).then("seen_spacing_s").otherwise("left_uncertainty_s").alias("left_uncertainty_s"),
    ).drop("seen_ip", "seen_left_at", "seen_spacing_s")
    rest = silent.join(pairs.select(pl.col("seen_owner").alias(OWNER)), on=OWNER, how="anti")
    return pl.concat([lives, rest])


def _pairs(lives: pl.DataFrame, silent: pl.DataFrame) -> pl.DataFrame:
    """Lives without an address and silences of which each is the only one that the other can be."""
    blur = pl.duration(microseconds=pl.col("left_uncertainty_s").fill_null(0.0) * 1e6)
    gone = (
        _left(lives)
        .filter(pl.col("private_ip").is_null())
        .select(
            OWNER,
            "vpc_id",
            "joined_at",
            (pl.col("left_at") - blur - seconds(NOTICED_S)).alias("earliest"),
            (pl.col("left_at") + blur + seconds(CLOCKS_S)).alias("latest"),
        )
    )
    fell_silent = (
        _left(silent)
        .select(
            pl.col(OWNER).alias("seen_owner"),
            pl.col("vpc_id").alias("seen_vpc"),
            pl.col("private_ip").alias("seen_ip"),
            pl.col(FIRST_NEWS).alias("seen_from"),
            pl.col(LAST_NEWS).alias("seen_left_at"),
            pl.col("left_uncertainty_s").alias("seen_spacing_s"),
        )
        .sort("seen_left_at", "seen_owner")
    )
    seen_at, earliest, latest = fell_silent["seen_left_at"], gone["earliest"], gone["latest"]
    first = seen_at.search_sorted(earliest, side="left")
    is_only = seen_at.search_sorted(latest, side="right") - first == 1
    rivals = earliest.sort().search_sorted(seen_at, side="right") - latest.sort().search_sorted(
        seen_at, side="left"
    )
    both = pl.concat([gone.filter(is_only), fell_silent[first.filter(is_only)]], how="horizontal")
    one_each = rivals.gather(first.filter(is_only)) == 1
    fits = (pl.col("seen_from") >= pl.col("joined_at") - seconds(LAUNCHED_S)).fill_null(value=True) & (
        pl.col("vpc_id") == pl.col("seen_vpc")
    ).fill_null(value=True)
    found = both.filter(one_each & fits)
    return found.select(OWNER, "seen_owner", "seen_ip", "seen_left_at", "seen_spacing_s")


def _left(lives: pl.DataFrame) -> pl.DataFrame:
    return lives.filter((pl.col("kind") == "node") & pl.col("left_at").is_not_null())
