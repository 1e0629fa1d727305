"""What the hand-written rules look at: errors, lost nodes, pods that left, counts around an instant."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from pipeline.engine.duckdb import Engine

AROUND_S = 300.0
_ERRORS = """
select e.*, r.client_ip, g.protocol as group_protocol, e.target_type = 'instance' as is_node_port
from gateway_errors as e
left join error_rows as r on e.object_key = r.object_key and e.line_number = r.line_number
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


@dataclass(frozen=True, slots=True)
class Error:
    """One gateway error; instants in s since 1970."""

    request_id: str
    failure_class: str
    group: str
    target_ip: str | None
    is_node_port: bool
    began_s: float
    failed_s: float
    waited_s: float
    gap_s: float | None
    target_age_s: float | None
    idle_timeout_s: float
    deregistration_delay_s: float | None
    received_bytes: int
    path: str | None
    client_ip: str | None
    protocol: str | None
    answered_others: bool
    slow_path: bool
    together: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A node or pod that left."""

    addresses: frozenset[str]
    left_s: float
    drain_s: float
    reason: str | None
    is_spot: bool = False
    node_left: bool = False


@dataclass
class Facts:
    """Everything the rules may ask."""

    errors: list[Error]
    lost_nodes: list[Gone]
    left_pods: list[Gone]
    deregistered: dict[str, list[float]]
    edits: dict[str, list[float]]
    kube_proxy_starts: dict[str, list[float]]
    old_kube_proxy: bool
    traffic: dict[tuple[object, ...], tuple[list[float], list[float]]]
    median_bytes: dict[str, float]
    path_bytes: dict[tuple[str, str | None], float]
    keep_alive: dict[str, float] = field(default_factory=dict)
    by_group: dict[str, list[Error]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Group the errors, in the order of time, and look for the servers' timeouts."""
        for error in self.errors:
            self.by_group.setdefault(error.group, []).append(error)
        self.keep_alive = _keep_alive(self.errors)

    def _near(self, error: Error, seconds: float) -> list[Error]:
        same = self.by_group[error.group]
        begin = bisect_left(same, error.failed_s - seconds, key=lambda o: o.failed_s)
        end = bisect_right(same, error.failed_s + seconds, key=lambda o: o.failed_s)
        return same[begin:end]

    def old_targets_fail(self, error: Error) -> bool:
        """Whether targets older than an hour fail in the same way in the same minute."""
        return any(
            o.failure_class == error.failure_class and (o.target_age_s is None or o.target_age_s > 3600)
            for o in self._near(error, 60)
            if o.target_ip != error.target_ip
        )

    def refused_around(self, error: Error) -> int:
        """Refused connects to the same target within half a minute."""
        near = self._near(error, 30)
        return sum(o.failure_class == "not_connected" and o.target_ip == error.target_ip for o in near)

    def share_of_targets_refusing(self, error: Error) -> float:
        """Of the group's targets in use, how many refuse within twenty seconds."""
        near = {o.target_ip for o in self._near(error, 20) if o.failure_class == "not_connected"}
        used = len({o.target_ip for o in self.by_group[error.group]})
        return len(near) / used if used >= 3 else 0.0

    def failing_targets(self, error: Error) -> int:
        """Targets that give no connection or no answer within a minute."""
        classes = ("connect_timeout", "no_answer")
        return len({o.target_ip for o in self._near(error, 60) if o.failure_class in classes})

    def is_one_subnet(self, error: Error) -> bool:
        """Whether all targets that fail within a minute lie in one subnet (/24) and others do not fail."""
        classes = ("connect_timeout", "no_answer")
        failing = {_subnet(o.target_ip) for o in self._near(error, 60) if o.failure_class in classes}
        used = {_subnet(o.target_ip) for o in self.by_group[error.group]}
        return len(failing) == 1 and len(used) > 1 and self.failing_targets(error) >= 2

    def edit_before(self, error: Error, reason: str) -> bool:
        """Whether such an edit lies in the five minutes before the request began."""
        return any(-5 <= error.began_s - at <= AROUND_S for at in self.edits.get(reason, ()))

    def crowd_before(self, error: Error) -> float:
        """Requests of the busiest of the three minutes before, over a minute's in the half hour around."""
        stream, at = ("group", error.group), error.began_s
        busiest = max(self._count(stream, at - 60 * n - 60, at - 60 * n)[0] for n in range(3))
        return busiest / max(self._count(stream, at - 900, at + 900)[0] / 30, 1.0)

    def share_failing_on_path(self, error: Error) -> float:
        """Share of the path's requests that fail in ten minutes around; 0 below five failures."""
        return self._share(("path", error.group, error.path), error)

    def share_failing_of_client(self, error: Error) -> float:
        """The same for the client."""
        return self._share(("client", error.group, error.client_ip), error)

    def is_constant_wait(self, error: Error) -> bool:
        """Whether five others of the group waited as long to two in a hundred, at other instants."""
        alike = [
            o.failed_s
            for o in self.by_group[error.group]
            if o.failure_class == "closed_midway"
            and abs(o.waited_s - error.waited_s) <= 0.02 * error.waited_s
        ]
        return error.waited_s > 3 and len(alike) >= 6 and max(alike) - min(alike) > 60

    def _count(self, key: tuple[object, ...], since: float, until: float) -> tuple[int, int]:
        """Requests and failures of a stream within a span."""
        every, failing = self.traffic.get(key, ([], []))
        requests = bisect_right(every, until) - bisect_left(every, since)
        return requests, bisect_right(failing, until) - bisect_left(failing, since)

    def _share(self, key: tuple[object, ...], error: Error) -> float:
        requests, failures = self._count(key, error.failed_s - AROUND_S, error.failed_s + AROUND_S)
        return failures / requests if failures >= 5 else 0.0


def _subnet(ip: str | None) -> str:
    return (ip or "").rpartition(".")[0]


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


def _keep_alive(errors: list[Error]) -> dict[str, float]:
    """Per group the pause at which at least five immediate closes pile up, twice as many as elsewhere."""
    found = {}
    for group in {e.group for e in errors}:
        gaps = [
            e.gap_s
            for e in errors
            if e.group == group and e.failure_class == "closed_at_once" and e.gap_s and e.together < 3
        ]
        piles = Counter(round(gap * 2) / 2 for gap in gaps)
        if piles:
            mode, count = piles.most_common(1)[0]
            rest = piles.most_common(2)[1][1] if len(piles) > 1 else 0
            if count >= 5 and count >= 2 * rest:
                found[group] = mode
    return found
