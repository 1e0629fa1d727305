"""Lives of nodes: from when a node could first get requests until the machine was killed.

One instance may live several times (stop and start, standby, warm pool): a join that follows a leave opens
the next life. What a life's ends are known by is chosen by how near a source stands to the fact.
"""

import polars as pl

from pipeline.model import EventKind as K
from pipeline.timeline.lifetimes_frames import (
    ORDER,
    OWNER,
    first_value,
    is_kind,
    news,
    pick,
    seconds,
)
from pipeline.timeline.lifetimes_identity import HARD_END, OPENING, with_owner
from pipeline.timeline.lifetimes_spot import Spot

LIFE = (OWNER, "life")

LAUNCH_TO_JOIN_S = 150.0
"""A launched machine needs about that long to join: so uncertain is a join that only the launch tells."""
REGISTRATION_NEAR_JOIN_S = 3600.0
READY_NEAR_JOIN_S = 1800.0
RESTART_APART_S = 600.0
DRAIN_BEFORE_LEAVE_S = 7200.0
IMPAIRED_BEFORE_LEAVE_S = 900.0
GRACE_S = 20.0
"""Deregistered at least that long before the kill counts as drained: by then the ALB has stopped sending."""

_KILLS = (K.INSTANCE_TERMINATED, K.INSTANCE_STOPPED)


def node_lives(events: pl.DataFrame, sighted: set[str], spot: Spot) -> pl.DataFrame:
    """One row per node and life; a further one per address of it besides the primary that is ``sighted``.

    Args:
        events: events about nodes, unique, with the schema of `events`.
        sighted: addresses of instance targets in the access log (it may show a secondary address).
        spot: instances that EC2 may take back, or says it took.

    Returns:
        Columns of `lifetimes` as far as they are known, and the working columns; times UTC.
    """
    owned = _numbered(with_owner(events))
    lives = (
        owned.sort(*ORDER)
        .group_by(LIFE, maintain_order=True)
        .agg(
            *news(),
        )
    )
    for part in (_joined(owned), _left(owned)):
        lives = lives.join(part, on=LIFE, how="left")
    lives = lives.join(_names(owned), on=OWNER, how="left")
    owned = owned.join(lives.select(*LIFE, "joined_at", "left_at", "left_uncertainty_s"), on=LIFE)
    for part in (_ready(owned), _drained(owned), _reasons(owned, spot)):
        lives = lives.join(part, on=LIFE, how="left")
    lives = pl.concat([lives, _on_other_addresses(lives, owned, sighted)])
    owner = pl.format("{}#{}", OWNER, "life").alias(OWNER)
    return lives.with_columns(owner, pl.lit("node").alias("kind"))


def _on_other_addresses(lives: pl.DataFrame, owned: pl.DataFrame, sighted: set[str]) -> pl.DataFrame:
    """The same lives once more for each further address of the node that the log shows as a target."""
    held = owned.filter(pl.col("address").is_in(sorted(sighted)))
    others = held.select(OWNER, "address").unique().join(lives, on=OWNER)
    others = others.filter(pl.col("address").ne_missing(pl.col("private_ip")))
    key = pl.format("{}@{}", OWNER, "address").alias(OWNER)
    return others.with_columns(key, pl.col("address").alias("private_ip")).select(lives.columns)


def _numbered(owned: pl.DataFrame) -> pl.DataFrame:
    """Events with the number of the life they belong to: a join after a leave opens the next one."""
    rank = pl.when(is_kind(*OPENING)).then(0).when(is_kind(*HARD_END)).then(2).otherwise(1)
    rows = owned.sort(OWNER, ORDER[0], rank, *ORDER[1:]).with_columns(
        is_kind(*HARD_END).cum_sum().over(OWNER).alias("ends"),
        is_kind(K.TARGET_DEREGISTERED).cum_sum().over(OWNER).alias("withdrawals"),
    )
    opens = rows.filter(is_kind(*OPENING)).select(
        "event_id", _opens_after_end(), _restarted(), "withdrawals", OWNER
    )
    registered = _registered_again(rows)
    opens = opens.join(registered, on="event_id", how="left").with_columns(
        (pl.col("withdrawals") > pl.col("withdrawals").shift(1, fill_value=0).over(OWNER)).alias("withdrawn")
    )
    fresh = (
        pl.col("after_end")
        | pl.col("restarted")
        | (pl.col("again").fill_null(value=False) & pl.col("withdrawn"))
    )
    opens = opens.select("event_id", fresh.alias("opens"))
    rows = rows.join(opens, on="event_id", how="left", maintain_order="left")
    return rows.with_columns(pl.col("opens").fill_null(value=False).cum_sum().over(OWNER).alias("life"))


def _opens_after_end() -> pl.Expr:
    """Among the joins of a node: whether it ended for good since the join before."""
    return (pl.col("ends") > pl.col("ends").shift(1, fill_value=0).over(OWNER)).alias("after_end")


def _restarted() -> pl.Expr:
    """Among the joins of a node: a start of an instance that was up before, though no stop is known."""
    before = pl.col("occurred_at").shift(1).over(OWNER)
    alone = before.is_not_null() & (pl.col("occurred_at") - before > seconds(RESTART_APART_S))
    return ((pl.col("reason") == "restarted").fill_null(value=False) & alone).alias("restarted")


def _registered_again(rows: pl.DataFrame) -> pl.DataFrame:
    """Registrations that follow a deregistration from the same target group."""
    group = [OWNER, pl.col("target_group_arn").fill_null("")]
    targets = rows.filter(is_kind(K.TARGET_REGISTERED, K.TARGET_DEREGISTERED))
    before = pl.col("kind").shift(1).over(group)
    return targets.with_columns((before == K.TARGET_DEREGISTERED).alias("again")).select("event_id", "again")


def _joined(owned: pl.DataFrame) -> pl.DataFrame:
    """When requests could first come: registered, else in service, else created, else launched."""
    at, source = pl.col("occurred_at"), pl.col("source")
    in_service_at = at.filter(is_kind(K.NODE_JOINED)).min().over(LIFE)
    near = in_service_at.is_null() | (at <= in_service_at + seconds(REGISTRATION_NEAR_JOIN_S))
    rank = (
        pl.when(is_kind(K.TARGET_REGISTERED) & near).then(0)
        .when(is_kind(K.NODE_JOINED) & (source == "autoscaling")).then(1)
        .when(is_kind(K.NODE_JOINED)).then(2)
        .when(is_kind(K.INSTANCE_LAUNCHED)).then(3)
    )  # fmt: skip
    launched = is_kind(K.INSTANCE_LAUNCHED)
    uncertainty_s = pl.col("uncertainty_s")
    honest_s = (
        pl.when(launched).then(pl.max_horizontal(uncertainty_s, LAUNCH_TO_JOIN_S)).otherwise(uncertainty_s)
    )
    return pick(owned, LIFE, rank).select(
        *LIFE,
        at.alias("joined_at"),
        honest_s.alias("joined_uncertainty_s"),
        source.alias("joined_known_by"),
        pl.col("event_id").alias("joined_event_id"),
    )


def _left(owned: pl.DataFrame) -> pl.DataFrame:
    """When the machine was killed, from the source nearest to the kill.

    An Auto Scaling activity only brackets it: its end is told with an uncertainty of its whole span, so the
    kill is set to the middle. A node that was only withdrawn leaves when it was, if it joins again later.
    """
    source = pl.col("source")
    last_life = pl.col("life").max().over(OWNER)
    rank = (
        pl.when(is_kind(*_KILLS, K.SPOT_INTERRUPTED) & (source == "cloudtrail")).then(0)
        .when(is_kind(*_KILLS) & (source == "ec2")).then(1)
        .when(is_kind(*_KILLS)).then(2)
        .when(is_kind(K.NODE_LEFT) & (source == "autoscaling")).then(3)
        .when(is_kind(K.NODE_LEFT)).then(4)
        .when(is_kind(K.TARGET_DEREGISTERED) & (pl.col("life") < last_life)).then(5)
    )  # fmt: skip
    bracket = is_kind(K.NODE_LEFT) & (source == "autoscaling")
    half_s = pl.col("uncertainty_s") / 2
    half = pl.duration(microseconds=half_s * 1e6)
    at = pl.col("occurred_at")
    return pick(owned, LIFE, rank).select(
        *LIFE,
        pl.when(bracket).then(at - half).otherwise(at).alias("left_at"),
        pl.when(bracket).then(half_s).otherwise(pl.col("uncertainty_s")).alias("left_uncertainty_s"),
        source.alias("left_known_by"),
        pl.col("event_id").alias("left_event_id"),
        pl.col("kind").alias("left_kind"),
        pl.col("reason").alias("left_event_reason"),
    )


def _ready(owned: pl.DataFrame) -> pl.DataFrame:
    """When the node could serve: Ready soon after it joined (a later flip is a flap), else registered."""
    at, joined_at = pl.col("occurred_at"), pl.col("joined_at")
    soon = joined_at.is_null() | (at <= joined_at + seconds(READY_NEAR_JOIN_S))
    rank = (
        pl.when(is_kind(K.NODE_BECAME_READY) & soon).then(0)
        .when(is_kind(K.TARGET_REGISTERED)).then(1)
    )  # fmt: skip
    return pick(owned, LIFE, rank).select(*LIFE, at.alias("ready_at"))


def _drained(owned: pl.DataFrame) -> pl.DataFrame:
    """First sign of the end that belongs to this end, and not to maintenance hours before."""
    at, left_at = pl.col("occurred_at"), pl.col("left_at")
    sign = is_kind(K.TARGET_DEREGISTERED, K.TERMINATION_STARTED, K.NODE_CORDONED, K.NODE_LEFT)
    near = left_at.is_null() | ((at <= left_at) & (at >= left_at - seconds(DRAIN_BEFORE_LEAVE_S)))
    return pick(owned, LIFE, pl.when(sign & near).then(0)).select(
        *LIFE,
        at.alias("drain_started_at"),
        pl.col("source").alias("drain_known_by"),
        pl.col("event_id").alias("drain_event_id"),
    )


def _reasons(owned: pl.DataFrame, spot: Spot) -> pl.DataFrame:
    """Why it left, and whether it was drained first.

    A Spot instance that was gone before Auto Scaling did anything was taken back, unless a record tells who
    terminated it.
    """
    instance_id = pl.col("instance_id")
    at, left_at, reason = pl.col("occurred_at"), pl.col("left_at"), pl.col("reason")
    near = at >= left_at - seconds(IMPAIRED_BEFORE_LEAVE_S)
    told = reason.filter(
        is_kind(K.TERMINATION_STARTED, K.INSTANCE_TERMINATED, K.NODE_LEFT) & ~reason.is_in(["other", "gone"])
    )
    withdrawn_at = at.filter(
        is_kind(K.TARGET_DEREGISTERED) & (at >= left_at - seconds(DRAIN_BEFORE_LEAVE_S))
    ).min()
    per_life = (
        owned.sort(*ORDER)
        .group_by(LIFE, maintain_order=True)
        .agg(
            (is_kind(K.SPOT_INTERRUPTED) | (reason == "spot") | instance_id.is_in(spot.reclaimed))
            .any()
            .alias("spot"),
            ((reason == "gone").any() & instance_id.is_in(spot.leased).any()).alias("taken"),
            ((reason == "unhealthy") | (is_kind(K.INSTANCE_IMPAIRED) & near)).any().alias("unhealthy"),
            told.drop_nulls().first().alias("told"),
            (is_kind(*_KILLS) & (pl.col("source") == "cloudtrail")).any().alias("killed"),
            is_kind(K.INSTANCE_STOPPED).any().alias("stopped"),
            is_kind(*HARD_END).any().alias("ended"),
            is_kind(K.TARGET_DEREGISTERED).any().alias("withdrawn"),
            withdrawn_at.alias("withdrawn_at"),
            (pl.col("is_graceful") == False).any().alias("abrupt"),  # noqa: E712 - SQL comparison, NULL stays NULL
            pl.col("is_graceful").any().alias("graceful"),
            left_at.first(),
            pl.col("left_uncertainty_s").first(),
        )
    )
    return per_life.select(*LIFE, _left_reason(), _is_graceful())


def _left_reason() -> pl.Expr:
    ended = (
        pl.when(pl.col("spot")).then(pl.lit("spot"))
        .when(pl.col("unhealthy")).then(pl.lit("unhealthy"))
        .when(pl.col("told").is_not_null()).then(pl.col("told"))
        .when(pl.col("taken") & ~pl.col("killed")).then(pl.lit("spot"))
        .when(pl.col("stopped")).then(pl.lit("stopped"))
        .when(pl.col("ended")).then(pl.lit("terminated"))
        .when(pl.col("withdrawn")).then(pl.lit("deregistered"))
    )  # fmt: skip
    return pl.when(pl.col("left_at").is_not_null()).then(ended).alias("left_reason")


def _is_graceful() -> pl.Expr:
    """Deregistered well before the kill; an Auto Scaling verdict counts; else unknown."""
    uncertain = pl.duration(microseconds=pl.col("left_uncertainty_s") * 1e6)
    left_at, withdrawn_at = pl.col("left_at"), pl.col("withdrawn_at")
    early = withdrawn_at + seconds(GRACE_S) <= left_at - uncertain
    late = withdrawn_at + seconds(GRACE_S) > left_at + uncertain
    return (
        pl.when(left_at.is_null()).then(None)
        .when(pl.col("abrupt")).then(pl.lit(value=False))
        .when(early | pl.col("graceful")).then(pl.lit(value=True))
        .when(late).then(pl.lit(value=False))
        .alias("is_graceful")
    )  # fmt: skip


def _names(owned: pl.DataFrame) -> pl.DataFrame:
    """What the node is called, by the source that knows each name best."""
    rank = (
        pl.when(pl.col("source") == "kubernetes").then(0)
        .when(pl.col("source") == "ec2").then(1)
        .when(pl.col("source") == "cloudtrail").then(2)
        .otherwise(3)
    )  # fmt: skip
    names = (
        owned.sort(rank, *ORDER)
        .group_by(OWNER, maintain_order=True)
        .agg(
            *(first_value(name) for name in ("vpc_id", "instance_id", "node_name", "asg_name")),
            pl.coalesce(first_value("node_group"), first_value("asg_name")).alias("node_group"),
        )
    )
    return names.join(_addresses(owned), on=OWNER, how="left")


def _addresses(owned: pl.DataFrame) -> pl.DataFrame:
    """The primary address: as the node or EC2 tells it, as launched; else as a host name holds it."""
    detail = pl.col("detail").fill_null("")
    rank = (
        pl.when(pl.col("address").is_null()).then(None)
        .when(pl.col("private_ip").is_null()).then(4)
        .when(pl.col("source") == "kubernetes").then(0)
        .when(detail.str.contains("primary address", literal=True)).then(1)
        .when(detail.str.contains("secondary address", literal=True)).then(3)
        .otherwise(2)
    )  # fmt: skip
    return pick(owned, [OWNER], rank).select(OWNER, pl.col("address").alias("private_ip"))
