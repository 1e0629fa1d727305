"""Which instance held an address, or the prefix that it lies in, from when until when.

CloudTrail tells it call by call (`cloudtrail_interfaces`); EC2 shows the present, with the attachment of the
interface as the earliest instant. Where both tell of an interface and a block, CloudTrail is right.
"""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import polars as pl

from pipeline.model import EventKind as K
from pipeline.timeline.cloudtrail_interfaces import (
    ATTACHMENT,
    BLOCK,
    DETACHED,
    HELD,
    INSTANCE,
    INTERFACE,
    NONE,
    OF_INTERFACE,
    STATE,
)
from pipeline.timeline.ec2 import ATTACHED_TO, PREFIXES
from pipeline.timeline.lifetimes_frames import FIRST_NEWS, OWNER, is_kind, seconds
from pipeline.timeline.lifetimes_logs import INSTANT

HOLDINGS = pl.Schema(
    {"instance_id": pl.String(), "block": pl.String(), "held_from": INSTANT, "held_to": INSTANT}
)
"""One row per instance, block and unbroken span; NULL: as far as is known, ever."""

_SPAN = ("valid_from", "valid_to")
_PREFIX_BITS = {4: 28, 6: 80}
"""Lengths of the prefixes that EC2 delegates, by IP version."""
_SLACK_S = 60.0
"""A pod may be told of that much before its address, and its node before the pod's own news."""
_AT_ONCE = 4096


def holdings(events: pl.DataFrame, settings: pl.DataFrame) -> pl.DataFrame:
    """Rows of `HOLDINGS` out of `events` and settled `settings`."""
    interfaces = _interfaces(settings)
    told = _blocks(settings).join(interfaces, on="interface", suffix="_of_interface")
    known = told.select(
        "instance_id",
        "block",
        "interface",
        pl.max_horizontal("valid_from", "valid_from_of_interface").alias("held_from"),
        pl.min_horizontal("valid_to", "valid_to_of_interface").alias("held_to"),
    ).filter((pl.col("held_from") < pl.col("held_to")).fill_null(value=True))
    shown = _shown_prefixes(settings).join(known, on=["interface", "block"], how="anti")
    launched = _shown_addresses(events).join(known, on=["instance_id", "block"], how="anti")
    parts = [frame.select(HOLDINGS.names()).cast(HOLDINGS) for frame in (known, shown, launched)]
    return pl.concat(parts).unique()


def _interfaces(settings: pl.DataFrame) -> pl.DataFrame:
    """``interface``, ``instance_id`` and the span of each attachment."""
    told = _of(settings, INTERFACE).filter(pl.col("setting") == INSTANCE)
    ends = _detached(settings)
    calls = told.filter(pl.col("value") != NONE).join(ends, on="interface", how="left")
    within = pl.col("detached_at") >= pl.col("valid_from")
    calls = calls.group_by("interface", "value", *_SPAN).agg(
        pl.col("detached_at").filter(within).min().alias("detached_at")
    )
    valid_to = pl.min_horizontal("valid_to", "detached_at").alias("valid_to")
    shown = _of(settings, INTERFACE).filter(pl.col("setting") == ATTACHED_TO)
    shown = shown.join(told, on="interface", how="anti")
    columns = ("interface", pl.col("value").alias("instance_id"), *_SPAN)
    return pl.concat([calls.with_columns(valid_to).select(columns), shown.select(columns)])


def _detached(settings: pl.DataFrame) -> pl.DataFrame:
    """``interface`` and when it was detached: the call names an attachment, which another call names."""
    attachments = _of(settings, ATTACHMENT)
    of_interface = attachments.filter(pl.col("setting") == OF_INTERFACE)
    gone = attachments.filter((pl.col("setting") == STATE) & (pl.col("value") == DETACHED))
    named = of_interface.select("interface", pl.col("value").alias("named"))
    gone = gone.select("interface", pl.col("valid_from").alias("detached_at")).join(named, on="interface")
    return gone.select(pl.col("named").alias("interface"), "detached_at")


def _blocks(settings: pl.DataFrame) -> pl.DataFrame:
    """``interface``, ``block`` and the span in which it was held."""
    prefix = BLOCK.format("")
    rows = _of(settings, INTERFACE).filter(
        pl.col("setting").str.starts_with(prefix) & (pl.col("value") == HELD)
    )
    return rows.select("interface", pl.col("setting").str.strip_prefix(prefix).alias("block"), *_SPAN)


def _shown_prefixes(settings: pl.DataFrame) -> pl.DataFrame:
    """Prefixes as snapshots of EC2 show them."""
    prefix = PREFIXES.format("")
    rows = settings.filter(pl.col("setting").str.starts_with(prefix))
    return rows.select(
        pl.col("resource").str.strip_prefix("instance/").alias("instance_id"),
        pl.col("setting").str.strip_prefix(prefix).alias("interface"),
        pl.col("value").str.split(",").alias("block"),
        pl.col("valid_from").alias("held_from"),
        pl.col("valid_to").alias("held_to"),
    ).explode("block")


def _shown_addresses(events: pl.DataFrame) -> pl.DataFrame:
    """Addresses of launches, which EC2 tells for every interface that hangs on an instance.

    A secondary address may have come to its interface at any time: since when it is held is not known.
    """
    is_later = pl.col("detail").str.contains("secondary address", literal=True).fill_null(value=False)
    named = pl.col("instance_id").is_not_null() & pl.col("private_ip").is_not_null()
    return events.filter(is_kind(K.INSTANCE_LAUNCHED) & named).select(
        "instance_id",
        pl.col("private_ip").alias("block"),
        pl.when(~is_later).then("occurred_at").alias("held_from"),
        pl.lit(None, INSTANT).alias("held_to"),
    )


def _of(settings: pl.DataFrame, resource: str) -> pl.DataFrame:
    """Settings of interfaces or attachments, their id as ``interface``."""
    prefix = resource.format("")
    rows = settings.filter(pl.col("resource").str.starts_with(prefix))
    return rows.select(
        pl.col("resource").str.strip_prefix(prefix).alias("interface"), "setting", "value", *_SPAN
    )


def hosts(pods: pl.DataFrame, held: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """The instance that held each pod's address when the pod came.

    Of several the one that got it last; where it is not known when, and several show it, none.

    Args:
        pods: rows with ``owner``, ``private_ip``, ``own_vpc_id`` and the pod's start or first news.
        held: rows of `HOLDINGS`.
        nodes: lives of nodes.

    Returns:
        ``owner`` and ``host`` (an instance id), for the pods of which it is known.
    """
    at = pl.coalesce("joined_at", FIRST_NEWS).alias("at")
    asked = pods.filter(pl.col("private_ip").is_not_null()).select(OWNER, "private_ip", "own_vpc_id", at)
    blocks = _blocks_of(asked["private_ip"].unique().sort(), set(held["block"]))
    began = pl.min_horizontal(FIRST_NEWS, "joined_at").alias("began")
    lives = nodes.select("instance_id", "vpc_id", began, "left_at").drop_nulls("instance_id")
    held = held.join(lives, on="instance_id")
    empty = pl.DataFrame(schema={OWNER: pl.String(), "host": pl.String()})
    asked = asked.join(blocks, on="private_ip").sort(OWNER)
    owners = asked[OWNER].unique(maintain_order=True)
    parts = (asked.filter(pl.col(OWNER).is_in(some.implode())) for some in _slices(owners))
    return pl.concat([empty, *(_in_time(part.join(held, on="block")) for part in parts)])


def _slices(owners: pl.Series) -> Iterator[pl.Series]:
    """So many at once that those who ever held one of their blocks fit into memory."""
    yield from (owners.slice(first, _AT_ONCE) for first in range(0, owners.len(), _AT_ONCE))


def _in_time(found: pl.DataFrame) -> pl.DataFrame:
    """``owner`` and ``host`` out of all who ever held a block of the pod's."""
    slack = seconds(_SLACK_S)
    during = (
        (pl.col("held_from") <= pl.col("at") + slack).fill_null(value=True)
        & (pl.col("held_to") > pl.col("at")).fill_null(value=True)
        & (pl.col("began") <= pl.col("at") + slack)
        & (pl.col("left_at") >= pl.col("at")).fill_null(value=True)
        & (pl.col("vpc_id") == pl.col("own_vpc_id")).fill_null(value=True)
    )
    found = found.filter(during)
    latest = pl.col("held_from").max().over(OWNER)
    last = found.filter((pl.col("held_from") == latest) | latest.is_null())
    one = last.group_by(OWNER).agg(pl.col("instance_id").unique())
    only = one.filter(pl.col("instance_id").list.len() == 1)
    return only.select(OWNER, pl.col("instance_id").list.first().alias("host"))


def with_hosts(seen: pl.DataFrame, held: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Lives that only the log tells of, those of pods with the node that held their address.

    Args:
        seen: result of ``lifetimes_logs.inferred``.
        held: rows of `HOLDINGS`.
        nodes: lives of nodes.
    """
    pods = seen.filter(pl.col("kind") == "pod").rename({"vpc_id": "own_vpc_id"})
    names = nodes.select("instance_id", "node_name", "node_group", "asg_name")
    names = names.unique("instance_id", keep="first", maintain_order=True)
    found = hosts(pods, held, nodes).rename({"host": "instance_id"}).join(names, on="instance_id")
    return seen.join(found, on=OWNER, how="left", maintain_order="left")


def _blocks_of(addresses: pl.Series, known: set[str]) -> pl.DataFrame:
    """Each address with the blocks that it may be held by: itself, and the prefix that it lies in."""
    rows = [
        (ip, block)
        for ip in addresses
        for block in (ip, str(ip_network(f"{ip}/{_PREFIX_BITS[ip_address(ip).version]}", strict=False)))
        if block in known
    ]
    return pl.DataFrame(rows, schema={"private_ip": pl.String(), "block": pl.String()}, orient="row")
