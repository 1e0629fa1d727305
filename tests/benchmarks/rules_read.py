"""Reads what the hand-written rules look at from the tables that the pipeline has joined."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from statistics import median
from typing import Any

from pipeline.engine.duckdb import Engine
from tests.benchmarks.rules_facts import AROUND_S, Error, Facts, Gone

_ERRORS = """
select e.*, g.protocol as group_protocol, e.target_type = 'instance' as is_node_port
from gateway_errors as e
left join target_groups as g on e.target_group_arn = g.target_group_arn
order by e.failed_at, e.request_id
"""
_TRAFFIC = """
select
    target_group_arn, path_of(request_url) as path, client_ip,
    epoch(time) as at, received_bytes, target_ip,
    elb_status_code in (502, 504) and target_status_code is null as fails
from requests
where target_group_arn in (select distinct target_group_arn from gateway_errors)
"""


def read_facts(engine: Engine) -> Facts:
    """Read the tables that the pipeline has joined."""
    errors = _errors(engine)
    nodes, pods = _lives(engine)
    events = engine.table("events").to_dicts()
    traffic, median_bytes, path_bytes = _traffic(engine)
    return Facts(
        errors=errors,
        lost_nodes=nodes,
        left_pods=pods,
        deregistered=_deregistered(events, engine),
        edits=_edits(events),
        kube_proxy_starts=_kube_proxy_starts(engine),
        old_kube_proxy=_old_kube_proxy(engine),
        traffic=traffic,
        median_bytes=median_bytes,
        path_bytes=path_bytes,
    )


def _errors(engine: Engine) -> list[Error]:
    rows = engine.ask(_ERRORS).to_dicts()
    instants = sorted((row["target_group_arn"] or "", row["failed_at"].timestamp()) for row in rows)
    found = []
    for row in rows:
        group, at = row["target_group_arn"] or "", row["failed_at"].timestamp()
        together = bisect_right(instants, (group, at + 1.0)) - bisect_left(instants, (group, at - 1.0))
        found.append(
            Error(
                request_id=row["request_id"],
                failure_class=row["failure_class"],
                group=group,
                target_ip=row["target_ip"],
                is_node_port=bool(row["is_node_port"]),
                began_s=row["began_at"].timestamp(),
                failed_s=at,
                waited_s=row["waited_s"] or 0.0,
                gap_s=row["gap_s"],
                target_age_s=row["target_age_s"],
                idle_timeout_s=row["idle_timeout_s"],
                deregistration_delay_s=row["deregistration_delay_s"],
                received_bytes=row["received_bytes"] or 0,
                path=row["path"],
                client_ip=row["client_ip"],
                protocol=row["group_protocol"],
                answered_others=bool(row["answers_meanwhile"]),
                slow_path=bool(row["slow_answers_on_path"]),
                together=together,
            )
        )
    return found


def _lives(engine: Engine) -> tuple[list[Gone], list[Gone]]:
    """Nodes and pods that left, with the addresses by which a log may name them."""
    rows = engine.table("lifetimes").to_dicts()
    nodes: list[Gone] = []
    pods: list[Gone] = []
    left = {r["node_name"]: r["left_at"] for r in rows if r["kind"] == "node" and r["left_at"]}
    for row in (r for r in rows if r["left_at"]):
        at, drain = row["left_at"].timestamp(), row["drain_started_at"]
        drain_s = drain.timestamp() if drain else at
        reason, ips = row["left_reason"], [row["private_ip"]]
        if row["kind"] == "node":
            ips += [r["private_ip"] for r in rows if _lived_on(r, row)]
            nodes.append(Gone(frozenset(ips), at, drain_s, reason, reason == "spot"))
        else:
            node_left = left.get(row["node_name"])
            with_node = node_left is not None and abs(node_left.timestamp() - at) <= 180
            pods.append(Gone(frozenset(ips), at, drain_s, reason, node_left=with_node))
    crashes = [e for e in engine.table("events").to_dicts() if e["kind"] == "container_crashed"]
    for event in crashes:
        at = event["occurred_at"].timestamp()
        pods.append(Gone(frozenset([event["private_ip"], event["pod_ip"]]), at, at, "crash"))
    return nodes, pods


def _lived_on(pod: dict[str, Any], node: dict[str, Any]) -> bool:
    """Whether the pod was on the node when that was lost; an unhealthy one is found minutes later."""
    if pod["kind"] != "pod" or pod["node_name"] != node["node_name"]:
        return False
    joined, left, lost = pod["joined_at"], pod["left_at"], node["left_at"]
    return (joined is None or joined < lost) and (
        left is None or (lost - left).total_seconds() < AROUND_S + 60
    )


def _deregistered(events: list[dict[str, Any]], engine: Engine) -> dict[str, list[float]]:
    """Per target address, when it was deregistered."""
    nodes = (r for r in engine.table("lifetimes").to_dicts() if r["kind"] == "node")
    address = {r["instance_id"]: r["private_ip"] for r in nodes}
    found: dict[str, list[float]] = defaultdict(list)
    for event in events:
        ip = event["private_ip"] or address.get(event["instance_id"])
        if event["kind"] == "target_deregistered" and ip:
            found[str(ip)].append(event["occurred_at"].timestamp())
    return found


def _edits(events: list[dict[str, Any]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for event in events:
        found[str(event["reason"])].append(event["occurred_at"].timestamp())
    return found


def _kube_proxy_starts(engine: Engine) -> dict[str, list[float]]:
    """Per node address, when a kube-proxy pod began there."""
    rows = engine.table("lifetimes").to_dicts()
    address = {r["node_name"]: r["private_ip"] for r in rows if r["kind"] == "node"}
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if "kube-proxy" in (row["pod_name"] or "") and row["joined_at"]:
            found[address.get(row["node_name"], "")].append(row["joined_at"].timestamp())
    return found


def _old_kube_proxy(engine: Engine) -> bool:
    rows = engine.table("settings").to_dicts()
    versions = [
        re.match(r"v?1[.](\d+)", r["value"])
        for r in rows
        if r["setting"] in ("kube_proxy_version", "kubelet_version")
    ]
    return any(int(found.group(1)) < 15 for found in versions if found)


def _traffic(
    engine: Engine,
) -> tuple[
    dict[tuple[object, ...], tuple[list[float], list[float]]],
    dict[str, float],
    dict[tuple[str, str | None], float],
]:
    """Instants of requests and failures per group, path and client; usual sizes."""
    streams: dict[tuple[object, ...], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    sizes: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for group, path, client, at, size, _, fails in engine.ask(_TRAFFIC).sort("at").iter_rows():
        for key in (("group", group), ("path", group, path), ("client", group, client)):
            streams[key][0].append(at)
            if fails:
                streams[key][1].append(at)
        sizes[group, path].append(size or 0)
    by_group: dict[str, list[int]] = defaultdict(list)
    for (group, _), values in sizes.items():
        by_group[group] += values
    return (
        streams,
        {group: float(median(values)) for group, values in by_group.items()},
        {key: float(median(values)) for key, values in sizes.items()},
    )
