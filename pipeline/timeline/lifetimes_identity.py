"""Which node an event is about: sources name it by instance, by node name or by address only.

An address or a node name passes from one instance to the next within minutes, so a name alone is resolved
as of the event's instant: to the instance that had it last.
"""

import polars as pl

from pipeline.model import EventKind as K
from pipeline.timeline.lifetimes_frames import OWNER, asof, is_kind, seconds

JOIN_SLACK_S = 300.0
"""A join may be told that much before the first other news of its instance."""
LEAVE_SLACK_S = 120.0
"""News that a name left is about an instance that had it for that long: Kubernetes removes nodes late."""

OPENING = (K.INSTANCE_LAUNCHED, K.NODE_JOINED, K.TARGET_REGISTERED)
HARD_END = (K.INSTANCE_TERMINATED, K.INSTANCE_STOPPED, K.NODE_LEFT)
NODE_KINDS = (
    *OPENING,
    *HARD_END,
    K.NODE_BECAME_READY,
    K.NODE_BECAME_UNREADY,
    K.NODE_CORDONED,
    K.INSTANCE_IMPAIRED,
    K.SPOT_INTERRUPTED,
    K.TERMINATION_STARTED,
    K.TARGET_DEREGISTERED,
    K.TARGET_UNHEALTHY,
)
_IP_NAME = r"^ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})(?:\.|$)"


def address_in_name(node_name: pl.Expr) -> pl.Expr:
    """The address that a host name like ``ip-10-0-3-21.eu-west-1.compute.internal`` holds, else NULL."""
    parts = [node_name.str.extract(_IP_NAME, group) for group in range(1, 5)]
    return pl.concat_str(parts, separator=".")


def with_owner(events: pl.DataFrame) -> pl.DataFrame:
    """Node events with the stable key of the node they are about, in column ``owner``.

    Args:
        events: events about nodes, unique.

    Returns:
        The same rows with ``owner`` (the instance id, else ``ip:<vpc>:<address>``, else ``node:<name>``) and
        ``address`` (as told, else as the node name holds it); events that name nothing are left out.
    """
    events = events.with_columns(
        pl.coalesce("private_ip", address_in_name(pl.col("node_name"))).alias("address"),
        _lookup_at().alias("lookup_at"),
    )
    named = events.filter(pl.col("instance_id").is_not_null()).with_columns(
        pl.col("instance_id").alias(OWNER)
    )
    rest = events.filter(pl.col("instance_id").is_null())
    by_name, rest = _resolve(rest, named, ["node_name"])
    by_place, rest = _resolve(rest, named, ["address", "vpc_id"])
    by_address, rest = _resolve(rest, _of_one_vpc(named), ["address"])
    others = rest.with_columns(_own_key().alias(OWNER)).filter(pl.col(OWNER).is_not_null())
    return pl.concat([named, by_name, by_place, by_address, others]).drop("lookup_at")


def _lookup_at() -> pl.Expr:
    at = pl.col("occurred_at")
    leaves = is_kind(*HARD_END, K.TARGET_DEREGISTERED)
    shifted = pl.when(leaves).then(at - seconds(LEAVE_SLACK_S)).otherwise(at)
    return pl.when(is_kind(*OPENING)).then(at + seconds(JOIN_SLACK_S)).otherwise(shifted)


def _own_key() -> pl.Expr:
    by_address = pl.format("ip:{}:{}", pl.col("vpc_id").fill_null(""), pl.col("address"))
    return pl.coalesce(by_address, pl.format("node:{}", pl.col("node_name")))


def _resolve(rest: pl.DataFrame, named: pl.DataFrame, by: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give rows the instance that had their name at the time; the rows that found one, and the others."""
    since = named.group_by(OWNER).agg(pl.col("occurred_at").min().alias("since"))
    links = named.select(OWNER, *by).drop_nulls().unique().join(since, on=OWNER).sort("since", OWNER)
    able = pl.all_horizontal(pl.col(name).is_not_null() for name in by)
    found = asof(rest.filter(able), links, "lookup_at", "since", by).drop("since")
    unable = rest.filter(~able)
    solved = found.filter(pl.col(OWNER).is_not_null())
    unsolved = found.filter(pl.col(OWNER).is_null()).drop(OWNER)
    columns = [*rest.columns, OWNER]
    return solved.select(columns), pl.concat([unsolved.select(rest.columns), unable])


def _of_one_vpc(named: pl.DataFrame) -> pl.DataFrame:
    """Only addresses that belong to one VPC: elsewhere an address without a VPC says nothing."""
    return named.filter(
        pl.col("vpc_id").n_unique().over("address") - pl.col("vpc_id").has_nulls().over("address") <= 1
    )
