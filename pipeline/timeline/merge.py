"""Makes one row of what several dumps, or the store and AWS, tell of the same thing, whatever their order.

Each column is chosen by itself, by a rule that does not care in which order or how often rows are put
together: so sources may be split over the store and any number of folders, and tell the same.
"""

from datetime import timedelta

import polars as pl

QUIET = timedelta(days=1)
"""A trail writes no file while nothing is called; a gap of a day or more counts as files that are missing."""

_BEARABLE = {"cloudtrail": QUIET}
"""Sources whose spans are one across a shorter gap; those of the others touch or overlap."""
_CHOSEN = {
    "occurred_at": pl.col("occurred_at").max(),  # what was under way is told again when it is done
    "uncertainty_s": pl.col("uncertainty_s").min(),
    "is_graceful": pl.col("is_graceful").max(),  # seen draining once
    "target_port": pl.col("target_port").max(),
    "source_ref": pl.col("source_ref").sort_by(pl.col("source_ref").str.len_bytes(), "source_ref").first(),
}
_OPTIMISTIC = ("instance_launched", "termination_started")
_FAILED = ("launch_failed", "termination_failed")


def events(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per event id, by time: an address or tag that one telling has forgotten comes from another."""
    told = [name for name in rows.columns if name != "source_ref"]
    order = rows.columns
    if rows["event_id"].is_duplicated().any():
        rows = rows.group_by(told).agg(_CHOSEN["source_ref"])  # most are the same, told again every night
        differing = pl.col("event_id").is_duplicated()
        chosen = [_CHOSEN.get(name, _fullest(name)) for name in order if name != "event_id"]
        one = rows.filter(differing).group_by("event_id").agg(chosen)
        rows = pl.concat([rows.filter(~differing).select(order), one.select(order)])
    return _without_failed(rows).sort("occurred_at", "event_id")


def _fullest(name: str) -> pl.Expr:
    """The text with most words, of several the longest, of those the last by letters."""
    told = pl.col(name).drop_nulls()
    words = told.str.count_matches(" ", literal=True)
    return told.sort_by(words, told.str.len_bytes(), told).last().alias(name)


def _without_failed(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out what an Auto Scaling activity promised while it ran, where it failed in the end."""
    same = ["source", "instance_id", "occurred_at"]
    failed = rows.filter(pl.col("reason").is_in(_FAILED) & (pl.col("source") == "autoscaling"))
    if failed.is_empty():
        return rows
    promised = pl.col("kind").is_in(_OPTIMISTIC)
    kept = rows.filter(promised).join(failed.select(same), on=same, how="anti")
    return pl.concat([rows.filter(~promised), kept])


def coverage(rows: pl.DataFrame) -> pl.DataFrame:
    """Spans as long as they are: those of a source that overlap, or whose gap it bears, are one.

    A span names the first file that it comes from.
    """
    ends = ("covered_from", "covered_to", "source_ref")
    key = [name for name in rows.columns if name not in ends]
    since, until = pl.col("covered_from"), pl.col("covered_to")
    bearable = pl.col("source").replace_strict(
        _BEARABLE, default=timedelta.resolution, return_dtype=pl.Duration("us")
    )
    follows = (since - until.cum_max().shift(1) < bearable).fill_null(value=False)
    return (
        rows.sort(*key, *ends)
        .with_columns((~follows).cum_sum().over(key).alias("span"))
        .group_by(*key, "span")
        .agg(since.min(), until.max(), pl.col("source_ref").first())
        .select(rows.columns)
        .sort(*key, *ends)
    )


def settings(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row once, by resource, setting and time."""
    order = ["resource", "setting", "valid_from"]
    return rows.unique().sort(*order, *(name for name in rows.columns if name not in order))


def metrics(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per minute: a count only grows while CloudWatch gathers it."""
    key = [name for name in rows.columns if name != "value"]
    return rows.group_by(key).agg(pl.col("value").max()).select(rows.columns).sort(key)
