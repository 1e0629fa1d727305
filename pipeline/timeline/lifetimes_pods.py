"""Lives of pods: from the placement on a node until the serving process exited.

A crashed container starts again in the same pod: that ends no life.
"""

import polars as pl

from pipeline.model import EventKind as K
from pipeline.timeline.lifetimes_frames import (
    FIRST_NEWS,
    ORDER,
    OWNER,
    asof,
    first_value,
    is_kind,
    news,
    pick,
    seconds,
)
from pipeline.timeline.lifetimes_interfaces import hosts

DEFAULT_GRACE_S = 30.0
EXACT_S = 2.0
"""Up to this uncertainty an exit is the container's own; beyond, the removal of the object."""
DRAINED_S = 20.0

_TARGETS = (K.TARGET_REGISTERED, K.TARGET_DEREGISTERED)
_NODE_COLUMNS = ("instance_id", "node_group", "asg_name", "vpc_id")


def pod_lives(
    events: pl.DataFrame, settings: pl.DataFrame, nodes: pl.DataFrame, held: pl.DataFrame
) -> pl.DataFrame:
    """One row per pod.

    Args:
        events: events about pods, and registrations of addresses that are no node's, unique.
        settings: rows of `settings`; ``termination_grace_period_s`` on ``pod/…`` is used.
        nodes: lives of nodes.
        held: which instance held which address (``lifetimes_interfaces.HOLDINGS``).

    Returns:
        Columns of `lifetimes` as far as they are known, and the working columns; times UTC.
    """
    owned = _with_owner(_in_vpc_of_node(events, nodes))
    pods = (
        owned.sort(*ORDER)
        .group_by(OWNER, maintain_order=True)
        .agg(
            *news(),
            first_value("pod_ip").alias("private_ip"),
            first_value("vpc_id").alias("own_vpc_id"),
            *(first_value(name) for name in ("pod_name", "pod_uid", "node_name", "service")),
        )
    )
    for part in (_joined(owned), _ready(owned), _drained(owned), _exited(owned)):
        pods = pods.join(part, on=OWNER, how="left")
    pods = _on_nodes(_deadline(pods, settings), nodes, held)
    return _graceful(pods).with_columns(pl.lit("pod").alias("kind"))


def _in_vpc_of_node(events: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Events with the VPC of the pod's node, where all nodes of that name are in one."""
    vpcs = nodes.drop_nulls(["node_name", "vpc_id"]).group_by("node_name").agg(pl.col("vpc_id").unique())
    only = vpcs.filter(pl.col("vpc_id").list.len() == 1)
    known = only.select("node_name", pl.col("vpc_id").list.first().alias("node_vpc_id"))
    placed = events.join(known, on="node_name", how="left", maintain_order="left")
    return placed.with_columns(pl.coalesce("vpc_id", "node_vpc_id").alias("vpc_id")).drop("node_vpc_id")


def _with_owner(events: pl.DataFrame) -> pl.DataFrame:
    """Events with their pod: by uid, else as the name or the address was held at that instant."""
    at = pl.col("occurred_at")
    events = events.with_columns(pl.coalesce("pod_ip", "private_ip").alias("pod_ip"), at.alias("lookup_at"))
    named = events.filter(pl.col("pod_uid").is_not_null()).with_columns(pl.col("pod_uid").alias(OWNER))
    rest = events.filter(pl.col("pod_uid").is_null())
    nameless = pl.col("pod_name").is_null()
    by_name = _resolve(rest.filter(~nameless), named, ["pod_name"])
    own = pl.format("{}@{}", "pod_name", pl.col("pod_ip").max().over("pod_name").fill_null(""))
    by_name = by_name.with_columns(pl.coalesce(OWNER, own).alias(OWNER))
    known = pl.concat([named, by_name])
    by_address = _by_address(rest.filter(nameless & is_kind(*_TARGETS)), known)
    own = pl.coalesce(pl.format("ip:{}:{}", "vpc_id", "pod_ip"), pl.format("ip:{}", "pod_ip"))
    by_address = by_address.with_columns(pl.coalesce(OWNER, own).alias(OWNER)).drop_nulls(OWNER)
    return pl.concat([known, by_address]).drop("lookup_at")


def _by_address(targets: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Targets with the pod that held their address in their VPC at the time.

    A pod of unknown VPC may be meant by any; a target of unknown VPC means a pod only where no other VPC has
    its address.
    """
    vpc = pl.col("vpc_id")
    known = known.with_columns(vpc.drop_nulls().first().over(OWNER))
    is_sure, is_known = vpc.is_not_null(), pl.col(OWNER).is_not_null()
    here = _resolve(targets.filter(is_sure), known.filter(is_sure), ["pod_ip", "vpc_id"])
    perhaps = _resolve(here.filter(~is_known).drop(OWNER), known.filter(~is_sure), ["pod_ip"])
    alone = known.filter(vpc.drop_nulls().n_unique().over("pod_ip") <= 1)
    return pl.concat([here.filter(is_known), perhaps, _resolve(targets.filter(~is_sure), alone, ["pod_ip"])])


def _resolve(rest: pl.DataFrame, known: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Rows with the owner that held the name at the time; NULL where nobody ever did."""
    since = known.group_by(OWNER).agg(pl.col("occurred_at").min().alias("since"))
    links = known.select(OWNER, *by).drop_nulls().unique().join(since, on=OWNER).sort("since", OWNER)
    return asof(rest, links, "lookup_at", "since", by).select(*rest.columns, OWNER)


def _joined(owned: pl.DataFrame) -> pl.DataFrame:
    order = (K.POD_SCHEDULED, K.POD_STARTED, K.POD_BECAME_READY, K.TARGET_REGISTERED)
    return pick(owned, [OWNER], _ranked(*order)).select(
        OWNER,
        pl.col("occurred_at").alias("joined_at"),
        pl.col("uncertainty_s").alias("joined_uncertainty_s"),
        pl.col("source").alias("joined_known_by"),
        pl.col("event_id").alias("joined_event_id"),
    )


def _ready(owned: pl.DataFrame) -> pl.DataFrame:
    rank = _ranked(K.POD_BECAME_READY, K.TARGET_REGISTERED)
    return pick(owned, [OWNER], rank).select(OWNER, pl.col("occurred_at").alias("ready_at"))


def _drained(owned: pl.DataFrame) -> pl.DataFrame:
    """The first that said go: the delete request, or the deregistration of its address."""
    sign = is_kind(K.POD_DELETION_REQUESTED, K.TARGET_DEREGISTERED)
    return pick(owned, [OWNER], pl.when(sign).then(0)).select(
        OWNER,
        pl.col("occurred_at").alias("drain_started_at"),
        pl.col("source").alias("drain_known_by"),
        pl.col("event_id").alias("drain_event_id"),
        pl.when(is_kind(K.POD_DELETION_REQUESTED)).then(pl.col("reason")).alias("drain_reason"),
    )


def _exited(owned: pl.DataFrame) -> pl.DataFrame:
    """The exit: the most exact that is told, and of several containers the last."""
    rank = pl.when(is_kind(K.POD_EXITED)).then(pl.col("uncertainty_s"))
    return pick(owned, [OWNER], rank, latest=True).select(
        OWNER,
        pl.col("occurred_at").alias("left_at"),
        pl.col("uncertainty_s").alias("left_uncertainty_s"),
        pl.col("source").alias("left_known_by"),
        pl.col("event_id").alias("left_event_id"),
        pl.col("reason").fill_null("deleted").alias("left_reason"),
    )


def _ranked(*kinds: str) -> pl.Expr:
    """Preference by kind, best first; NULL for any other."""
    return pl.col("kind").replace_strict({str(kind): rank for rank, kind in enumerate(kinds)}, default=None)


def _deadline(pods: pl.DataFrame, settings: pl.DataFrame) -> pl.DataFrame:
    """Where only the delete request is known, the exit lies within the grace period after it."""
    chosen = pl.col("setting") == "termination_grace_period_s"
    value = pl.col("value").cast(pl.Float64, strict=False)
    pod = pl.col("resource").str.strip_prefix("pod/")
    graces = settings.filter(chosen).group_by(pod.alias("pod_key")).agg(value.max().alias("grace_s"))
    key = pl.coalesce("pod_uid", "pod_name").alias("pod_key")
    pods = pods.with_columns(key).join(graces, on="pod_key", how="left").drop("pod_key")
    half_s = pl.col("grace_s").fill_null(DEFAULT_GRACE_S) / 2
    told = pl.col("left_at").is_null() & pl.col("drain_reason").is_not_null()
    middle = pl.col("drain_started_at") + pl.duration(microseconds=half_s * 1e6)
    return pods.with_columns(
        pl.when(told).then(middle).otherwise("left_at").alias("left_at"),
        pl.when(told).then(half_s).otherwise("left_uncertainty_s").alias("left_uncertainty_s"),
        pl.when(told).then("drain_known_by").otherwise("left_known_by").alias("left_known_by"),
        pl.when(told).then("drain_event_id").otherwise("left_event_id").alias("left_event_id"),
        pl.when(told).then("drain_reason").otherwise("left_reason").alias("left_reason"),
    ).drop("grace_s")


def _on_nodes(pods: pl.DataFrame, nodes: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Pods with what their node is; a pod that outlives its node in the records was lost with it.

    Where no source names the node, it is the instance whose interface held the pod's address.
    """
    lives = nodes.select(
        "node_name",
        *_NODE_COLUMNS,
        pl.min_horizontal(FIRST_NEWS, "joined_at").alias("since"),
        *(pl.col(name).alias(f"node_{name}") for name in _END),
    )
    pods = pods.with_columns((pl.coalesce("joined_at", FIRST_NEWS) + seconds(60)).alias("lookup_at"))
    placed = asof(pods.filter(pl.col("node_name").is_not_null()), lives, "lookup_at", "since", ["node_name"])
    found = hosts(pods.filter(pl.col("node_name").is_null()), held, nodes).rename({"host": "instance_id"})
    nameless = pods.filter(pl.col("node_name").is_null()).drop("node_name")
    nameless = nameless.join(found, on=OWNER, how="left")
    is_hosted = pl.col("instance_id").is_not_null()
    hosted = asof(nameless.filter(is_hosted), lives, "lookup_at", "since", ["instance_id"])
    pods = pl.concat([placed, hosted, nameless.filter(~is_hosted)], how="diagonal")
    vpc_id = pl.coalesce("own_vpc_id", "vpc_id").alias("vpc_id")
    return _lost(pods.with_columns(vpc_id).drop("lookup_at", "since", "own_vpc_id"))


_END = ("left_at", "left_uncertainty_s", "left_known_by", "left_event_id")


def _lost(pods: pl.DataFrame) -> pl.DataFrame:
    """Ends of pods whose node was killed first: the end of the node."""
    gone_at, left_at = pl.col("node_left_at"), pl.col("left_at")
    slack_s = pl.max_horizontal("left_uncertainty_s", "node_left_uncertainty_s")
    slack = pl.duration(microseconds=slack_s * 1e6)
    removed = pl.col("left_uncertainty_s") > EXACT_S
    was_there = gone_at >= pl.coalesce("joined_at", FIRST_NEWS)
    lost = was_there & (left_at.is_null() | (removed & (gone_at + slack < left_at)))
    lost = lost.fill_null(value=False)
    ends = [pl.when(lost).then(f"node_{name}").otherwise(name).alias(name) for name in _END]
    reason = pl.when(lost).then(pl.lit("node_lost")).otherwise("left_reason").alias("left_reason")
    return pods.with_columns(*ends, reason).drop(f"node_{name}" for name in _END)


def _graceful(pods: pl.DataFrame) -> pl.DataFrame:
    """Told to go well before the exit? Unknown where the exit is a guess or nobody told it to go."""
    told_at, left_at = pl.col("drain_started_at"), pl.col("left_at")
    exact = pl.col("left_uncertainty_s") <= EXACT_S
    return pods.with_columns(
        pl.when(
            pl.col("left_reason").is_in(["node_lost", "crash"]) & left_at.is_not_null() & told_at.is_null()
        )
        .then(pl.lit(value=False))
        .when(exact & told_at.is_not_null())
        .then(left_at - told_at >= seconds(DRAINED_S))
        .alias("is_graceful")
    ).drop("drain_reason")
