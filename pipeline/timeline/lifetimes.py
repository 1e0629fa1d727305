"""Reconciles what all sources say into lifetimes: who held which address from when until when."""

from hashlib import blake2b

import polars as pl

from pipeline.model import LIFETIMES
from pipeline.timeline.base import frame
from pipeline.timeline.lifetimes_addresses import not_backwards, one_after_the_other, with_vpc
from pipeline.timeline.lifetimes_frames import OWNER, canonical, is_kind, lifetimes_like
from pipeline.timeline.lifetimes_identity import NODE_KINDS, address_in_name
from pipeline.timeline.lifetimes_interfaces import holdings, with_hosts
from pipeline.timeline.lifetimes_linked import linked
from pipeline.timeline.lifetimes_logs import SIGHTINGS, inferred, refined, spans_of, target_types
from pipeline.timeline.lifetimes_nodes import node_lives
from pipeline.timeline.lifetimes_pods import pod_lives
from pipeline.timeline.lifetimes_services import with_services
from pipeline.timeline.lifetimes_spot import spot_instances


def reconcile(events: pl.DataFrame, settings: pl.DataFrame, sightings: pl.DataFrame) -> pl.DataFrame:
    """One row per node or pod and interval, disjoint per kind, VPC and address.

    Sources that stand nearest to a fact win; the log fills only what no source tells. The order of the
    rows given does not matter, and a shift of all instants shifts instants only.

    Args:
        events: rows of `events`; instants UTC.
        settings: rows of `settings`.
        sightings: target × unbroken span of requests (``lifetimes_logs.SIGHTINGS``), UTC; may be empty.

    Returns:
        Rows of `lifetimes`, ordered by kind, address, start and id; instants UTC.
    """
    events = _in_vpc_of_group(canonical(events), settings)
    about_pods = _is_about_pods(events, settings)
    spans = spans_of(sightings.select(SIGHTINGS.names()).cast(SIGHTINGS), settings)
    sighted = set(spans.filter(pl.col("kind") == "node")["private_ip"])
    of_nodes = events.filter(is_kind(*NODE_KINDS) & ~about_pods)
    nodes = node_lives(of_nodes, sighted, spot_instances(of_nodes, settings))
    nodes = with_vpc(lifetimes_like(nodes))
    held = holdings(events, settings)
    pods = with_services(pod_lives(events.filter(about_pods), settings, nodes, held), settings)
    lives = with_vpc(pl.concat([nodes, lifetimes_like(pods)]))
    shared = set(nodes["private_ip"].drop_nulls())
    lives = refined(one_after_the_other(lives, shared), spans)
    lives = linked(lives, lifetimes_like(with_hosts(inferred(spans, lives), held, nodes)))
    return _finished(not_backwards(one_after_the_other(lives, shared)))


def _in_vpc_of_group(events: pl.DataFrame, settings: pl.DataFrame) -> pl.DataFrame:
    """Events of which a target group tells the VPC: a registration names an address, and no VPC."""
    vpcs = target_types(settings).select("target_group_arn", "target_vpc_id")
    placed = events.join(vpcs, on="target_group_arn", how="left", maintain_order="left")
    vpc_id = pl.coalesce("vpc_id", "target_vpc_id").alias("vpc_id")
    return placed.with_columns(vpc_id).drop("target_vpc_id")


def _is_about_pods(events: pl.DataFrame, settings: pl.DataFrame) -> pl.Expr:
    """Whether an event is about a pod: it names one, or it registers an address that is no node's own.

    Pods of the VPC CNI have secondary addresses of their instance: those are not the node's own.
    """
    named = pl.col("pod_uid").is_not_null() | pl.col("pod_name").is_not_null()
    of_pods = events.filter(named)["pod_ip"].drop_nulls().unique()
    of_nodes = _own_addresses(events.filter(is_kind(*NODE_KINDS) & ~named & ~_is_bare_target()), of_pods)
    ip_groups = target_types(settings).filter(pl.col("target_type") == "ip")["target_group_arn"]
    address = pl.col("private_ip")
    is_pod = address.is_in(of_pods.implode()) | pl.col("target_group_arn").is_in(ip_groups.implode())
    is_node = address.is_in(of_nodes.implode())
    return named | (_is_bare_target() & is_pod.fill_null(value=False) & ~is_node.fill_null(value=False))


def _own_addresses(about_nodes: pl.DataFrame, of_pods: pl.Series) -> pl.Series:
    """Primary addresses of nodes: as the node or EC2 tells them, else those that no pod has."""
    address = pl.coalesce("private_ip", address_in_name(pl.col("node_name")))
    detail = pl.col("detail").fill_null("")
    sure = (pl.col("source") == "kubernetes") | detail.str.contains("primary address", literal=True)
    secondary = detail.str.contains("secondary address", literal=True)
    likely = ~secondary & ~address.is_in(of_pods.implode()).fill_null(value=False)
    return about_nodes.filter(sure | likely).select(address).to_series().drop_nulls().unique()


def _is_bare_target() -> pl.Expr:
    """A target that is named by nothing but an address."""
    kinds = is_kind("target_registered", "target_deregistered", "target_unhealthy")
    return kinds & pl.col("instance_id").is_null() & pl.col("node_name").is_null()


def _finished(lives: pl.DataFrame) -> pl.DataFrame:
    """Rows with their stable id, in the schema and order of `lifetimes`."""
    keys = lives.select("kind", OWNER).iter_rows()
    ids = [blake2b("|".join(key).encode(), digest_size=8).hexdigest() for key in keys]
    lives = lives.with_columns(pl.Series("lifetime_id", ids, dtype=pl.String))
    order = ["kind", "private_ip", "joined_at", "lifetime_id"]
    return lives.sort(order, nulls_last=False).select(frame(LIFETIMES, []).columns)
