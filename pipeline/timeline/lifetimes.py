"""Reconciles what all sources say into lifetimes: who held which address from when until when."""

from hashlib import blake2b

import polars as pl

from pipeline.model import LIFETIMES
from pipeline.timeline.base import frame
from pipeline.timeline.lifetimes_addresses import not_backwards, one_after_the_other, with_vpc
from pipeline.timeline.lifetimes_frames import OWNER, canonical, is_kind, lifetimes_like
from pipeline.timeline.lifetimes_identity import NODE_KINDS, address_in_name
from pipeline.timeline.lifetimes_logs import SIGHTINGS, inferred, refined, spans_of, target_types
from pipeline.timeline.lifetimes_nodes import node_lives
from pipeline.timeline.lifetimes_pods import pod_lives
from pipeline.timeline.lifetimes_services import with_services


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
    events = canonical(events)
    about_pods = _is_about_pods(events, settings)
    nodes = lifetimes_like(node_lives(events.filter(is_kind(*NODE_KINDS) & ~about_pods)))
    nodes = with_vpc(nodes)
    pods = with_services(pod_lives(events.filter(about_pods), settings, nodes), settings)
    spans = spans_of(sightings.select(SIGHTINGS.names()).cast(SIGHTINGS), settings)
    lives = with_vpc(pl.concat([nodes, lifetimes_like(pods)]))
    shared = set(nodes["private_ip"].drop_nulls())
    lives = refined(one_after_the_other(lives, shared), spans)
    lives = pl.concat([lives, lifetimes_like(inferred(spans, lives))])
    return _finished(not_backwards(one_after_the_other(lives, shared)))


def _is_about_pods(events: pl.DataFrame, settings: pl.DataFrame) -> pl.Expr:
    """Whether an event is about a pod: it names one, or it registers an address that is no node's."""
    named = pl.col("pod_uid").is_not_null() | pl.col("pod_name").is_not_null()
    about_nodes = events.filter(is_kind(*NODE_KINDS) & ~named & ~_is_bare_target())
    of_nodes = about_nodes.select(pl.coalesce("private_ip", address_in_name(pl.col("node_name"))))
    of_pods = events.filter(named)["pod_ip"].drop_nulls().unique()
    ip_groups = target_types(settings).filter(pl.col("target_type") == "ip")["target_group_arn"]
    address = pl.col("private_ip")
    is_node = address.is_in(of_nodes.to_series().drop_nulls().unique().implode())
    is_pod = address.is_in(of_pods.implode()) | pl.col("target_group_arn").is_in(ip_groups.implode())
    return named | (_is_bare_target() & is_pod.fill_null(value=False) & ~is_node.fill_null(value=False))


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
