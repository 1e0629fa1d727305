"""What the access log itself tells about targets: an address that starts or stops getting requests.

Only a real edge counts: silence must last much longer than the usual spacing of the target's requests while
its target group went on, and a handful of requests proves nothing. Where a source tells an end, the log never
contradicts it.
"""

import polars as pl

from pipeline.timeline.lifetimes_frames import FIRST_NEWS, FIRST_SOURCE, LAST_NEWS, OWNER, seconds

LOGS = "logs"
SEGMENT_GAP_S = 600.0
"""Sightings are cut where a target got nothing for that long."""
SHORTEST_SPACING_S = 1e-3
FEW = 10
"""Fewer requests than this show no edge and no gap at all."""
MANY = 50
"""So few requests may have been one client's burst: then an edge needs the gap that cuts segments."""
EDGE_S = 60.0
EDGE_SPACINGS = 20.0
"""An edge needs silence of a minute and of twenty usual spacings: by chance that is e^-20."""
SURE_S = 1800.0
SURE_SPACINGS = 100.0
"""To end a life that a source saw begin, the silence must be longer: the source may know it alive."""

INSTANT = pl.Datetime("us", "UTC")

SIGHTINGS = pl.Schema(
    {
        "target_group_arn": pl.String(),
        "target_ip": pl.String(),
        "target_port": pl.Int32(),
        "first_seen_at": INSTANT,
        "last_seen_at": INSTANT,
        "requests": pl.Int64(),
    }
)
"""Columns of sightings: one row per target and unbroken span of requests."""

_EVER = pl.datetime(9999, 1, 1, time_zone="UTC")
_NEVER = pl.datetime(1, 1, 1, time_zone="UTC")


def target_types(settings: pl.DataFrame) -> pl.DataFrame:
    """Target type and VPC of each target group, as far as settings tell: ``instance``, ``ip``, ...

    Returns:
        One row per target group: ``target_group_arn``, ``target_type``, ``target_vpc_id``.
    """
    named = settings.filter(pl.col("resource").str.contains(":targetgroup/", literal=True))
    value, setting = pl.col("value"), pl.col("setting")
    return (
        named.rename({"resource": "target_group_arn"})
        .group_by("target_group_arn")
        .agg(
            value.filter(setting == "target_type").min().alias("target_type"),
            value.filter(setting == "vpc_id").min().alias("target_vpc_id"),
        )
    )


def spans_of(sightings: pl.DataFrame, settings: pl.DataFrame) -> pl.DataFrame:
    """Spans in which an address got requests, whatever port or target group they came through.

    Returns:
        ``kind`` (of the target: node or pod), ``vpc_id``, ``private_ip``, ``first_seen_at``,
        ``last_seen_at`` (UTC), ``requests``, ``spacing_s`` (usual distance of its requests), ``group_from``
        and ``group_to`` (when its target group was seen at all), ordered by address and time.
    """
    rows = sightings.drop_nulls(["target_ip", "first_seen_at", "last_seen_at"]).join(
        target_types(settings), on="target_group_arn", how="left"
    )
    is_pod = (pl.col("target_type") == "ip").fill_null(value=False)
    rows = rows.select(
        pl.when(is_pod).then(pl.lit("pod")).otherwise(pl.lit("node")).alias("kind"),
        pl.col("target_vpc_id").alias("vpc_id"),
        pl.col("target_ip").alias("private_ip"),
        "first_seen_at",
        "last_seen_at",
        "requests",
        # Its target group bears witness: only while that was served is silence a fact.
        pl.col("first_seen_at").min().over("target_group_arn").alias("group_from"),
        pl.col("last_seen_at").max().over("target_group_arn").alias("group_to"),
    )
    return _merged(rows)


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """Spans of one address joined across gaps that are short for its spacing."""
    holder = ["kind", pl.col("vpc_id").fill_null(""), "private_ip"]
    first, last = pl.col("first_seen_at"), pl.col("last_seen_at")
    rows = rows.sort("first_seen_at", "last_seen_at", "requests")
    reached = last.cum_max().shift(1).over(holder)
    rows = rows.with_columns(_spacing_s().over(holder).alias("spacing_s"), reached.alias("reached"))
    wide = pl.max_horizontal(pl.lit(SEGMENT_GAP_S), pl.col("spacing_s") * EDGE_SPACINGS)
    is_telling = pl.col("requests").sum().over(holder) >= FEW
    is_new = is_telling & (_seconds(first - pl.col("reached")) > wide).fill_null(value=False)
    rows = rows.with_columns(is_new.alias("new"))
    rows = rows.with_columns(pl.col("new").cum_sum().over(holder).alias("span"))
    return (
        rows.group_by("kind", "vpc_id", "private_ip", "span")
        .agg(
            first.min(),
            last.max(),
            pl.col("requests").sum(),
            pl.col("spacing_s").first(),
            pl.col("group_from").min(),
            pl.col("group_to").max(),
        )
        .sort("kind", "vpc_id", "private_ip", "span")
        .drop("span")
    )


def _spacing_s() -> pl.Expr:
    """Usual distance of an address's requests: within its spans, or between them where each holds one."""
    count, spans = pl.col("requests").sum(), pl.len()
    first, last = pl.col("first_seen_at"), pl.col("last_seen_at")
    within_s = _seconds((last - first).sum()) / (count - spans).clip(1)
    between_s = _seconds(last.max() - first.min()) / (count - 1).clip(1)
    known = pl.when(count > spans).then(within_s).otherwise(between_s).clip(SHORTEST_SPACING_S)
    return pl.when(count > 1).then(known).otherwise(pl.lit(SEGMENT_GAP_S))


def inferred(spans: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Lives of addresses in spans that no source covers; ends only where the log has a real edge.

    Args:
        spans: result of ``spans_of`` for all sightings.
        known: lives that sources tell.

    Returns:
        Columns of `lifetimes` as far as they are known, and the working columns.
    """
    rows = _uncovered(spans, known)
    least_s = pl.when(pl.col("requests") >= MANY).then(pl.lit(EDGE_S)).otherwise(pl.lit(SEGMENT_GAP_S))
    enough_s = pl.max_horizontal(least_s, pl.col("spacing_s") * EDGE_SPACINGS)
    first, last = pl.col("first_seen_at"), pl.col("last_seen_at")
    is_telling = pl.col("requests") >= FEW
    joins = is_telling & (_seconds(first - pl.col("group_from")) > enough_s)
    leaves = is_telling & (_seconds(pl.col("group_to") - last) > enough_s)
    holder = ["kind", pl.col("vpc_id").fill_null(""), "private_ip"]
    number = pl.int_range(pl.len()).over(holder)
    vpc = pl.col("vpc_id").fill_null("")
    return rows.sort("kind", "private_ip", "first_seen_at").select(
        "kind",
        "private_ip",
        "vpc_id",
        pl.when(joins).then(first).alias("joined_at"),
        pl.when(joins).then("spacing_s").alias("joined_uncertainty_s"),
        pl.when(joins).then(pl.lit(LOGS)).alias("joined_known_by"),
        pl.when(leaves).then(last).alias("left_at"),
        pl.when(leaves).then("spacing_s").alias("left_uncertainty_s"),
        pl.when(leaves).then(pl.lit(LOGS)).alias("left_known_by"),
        first.alias(FIRST_NEWS),
        last.alias(LAST_NEWS),
        pl.lit(LOGS).alias(FIRST_SOURCE),
        pl.format("logs:{}:{}#{}", vpc, "private_ip", number).alias(OWNER),
    )


def _uncovered(spans: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Spans that overlap no known life of their address."""
    numbered = spans.with_row_index("number")
    slack = seconds(SEGMENT_GAP_S)
    lives = known.select(
        "private_ip",
        pl.col("vpc_id").alias("known_vpc"),
        pl.coalesce(pl.col("joined_at") - slack, _NEVER).alias("since"),
        pl.coalesce(pl.col("left_at") + slack, _EVER).alias("until"),
    )
    pairs = numbered.join(lives, on="private_ip")
    same = (pl.col("vpc_id") == pl.col("known_vpc")).fill_null(value=True)
    covered = pairs.filter(
        same & (pl.col("first_seen_at") <= pl.col("until")) & (pl.col("last_seen_at") >= pl.col("since"))
    )
    return numbered.join(covered.select("number").unique(), on="number", how="anti").drop("number")


def refined(lives: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Lives whose open end the log closes: sighted, then silent for long, while the logs went on.

    A life of which a source tells later news (other than that it drains) is left open.
    """
    end = spans["last_seen_at"].max()
    if end is None:
        return lives
    last = _last_sight(lives, spans)
    lives = lives.join(last, on=OWNER, how="left", maintain_order="left")
    silent_s = _seconds(pl.lit(end, INSTANT) - pl.col("seen_at"))
    sure_s = pl.max_horizontal(pl.lit(SURE_S), pl.col("seen_spacing_s") * SURE_SPACINGS)
    alive = pl.col(LAST_NEWS) > pl.col("seen_at") + seconds(EDGE_S)
    drains = pl.col("drain_started_at").is_not_null()
    closes = pl.col("left_at").is_null() & (silent_s > sure_s) & (~alive | drains)
    closes = closes.fill_null(value=False)
    gone_at = pl.max_horizontal("seen_at", "drain_started_at")
    return lives.with_columns(
        pl.when(closes).then(gone_at).otherwise("left_at").alias("left_at"),
        pl.when(closes).then("seen_spacing_s").otherwise("left_uncertainty_s").alias("left_uncertainty_s"),
        pl.when(closes).then(pl.lit(LOGS)).otherwise("left_known_by").alias("left_known_by"),
    ).drop("seen_at", "seen_spacing_s")


def _last_sight(lives: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Last sighting of each open life on its address.

    The first news of a life that nobody saw begin may be that it drains: then it was last sighted before.
    """
    begins = pl.coalesce("joined_at", pl.col(FIRST_NEWS) - seconds(SEGMENT_GAP_S))
    opened = lives.filter(pl.col("left_at").is_null()).select(
        OWNER, "private_ip", pl.col("vpc_id").alias("known_vpc"), begins.alias("since")
    )
    pairs = opened.join(spans.drop("kind"), on="private_ip")
    same = (pl.col("vpc_id") == pl.col("known_vpc")).fill_null(value=True)
    later = pl.col("last_seen_at") >= pl.col("since")
    rows = pairs.filter(same & later).sort("last_seen_at", "spacing_s", descending=[True, False])
    rows = rows.unique(OWNER, keep="first", maintain_order=True)
    return rows.select(
        OWNER, pl.col("last_seen_at").alias("seen_at"), pl.col("spacing_s").alias("seen_spacing_s")
    )


def _seconds(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds() / 1e6
