"""A small believable incident as tables, for tests of the report: six causes, nodes that come and go.

A bulk-ingest group scales in and out without draining, one rollout restarts pods, one target runs out
of memory, and a keep-alive race simmers under all of it. Everything follows from one seed.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import polars as pl
import pyarrow as pa

from pipeline.engine.duckdb import Engine
from pipeline.model import (
    ATTRIBUTIONS,
    CANDIDATES,
    CHECKS,
    COVERAGE,
    DOSE_RESPONSES,
    EVENTS,
    INSTANT,
    KEEPALIVE_ESTIMATES,
    KEEPALIVE_HAZARD,
    LIFETIMES,
    OBJECTS,
    REQUESTS,
    SETTINGS,
    Table,
)

FIRST = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
MINUTES = 240
LB = "app/ingest/50dc6c495c0c9188"
GROUP = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/k8s-ingest-http/73e2d6bc24d8a067"

Row = dict[str, Any]


@dataclass(frozen=True)
class Cause:
    """What the generator needs to know to write one cause's errors."""

    title: str
    remedy: str
    status: int
    failure_class: str
    evidence: str
    confidence: float


CAUSES: Mapping[str, Cause] = {
    "scale_in": Cause(
        "Node left without draining",
        "Auto Scaling group bulk-ingest: add a termination lifecycle hook that deregisters the node "
        "and waits deregistration_delay.timeout_seconds (300 s) before CONTINUE",
        504,
        "connect",
        "{node} was terminated {lag:.1f} s before the request was sent to it, "
        "without DeregisterTargets first",
        0.97,
    ),
    "new_node": Cause(
        "Node joined before it could forward",
        "Label new nodes node.kubernetes.io/exclude-from-external-load-balancers at boot "
        "and remove it when Ready",
        504,
        "connect",
        "{node} joined {lag:.0f} s before; nodes older than 1 h answered every request in the same minute",
        0.91,
    ),
    "keepalive_race": Cause(
        "Target closed an idle connection",
        "Set server.keepAliveTimeout of ingest-api to 65 s: above the load balancer's "
        "idle_timeout.timeout_seconds of 60 s (now about 5.0 s, inferred)",
        502,
        "waiting",
        "answered in {lag:.3f} s on a connection idle for 5.0 s, "
        "the keep-alive timeout inferred for this target group",
        0.88,
    ),
    "draining_pod": Cause(
        "Pod exited while connections were pinned to it",
        "Deployment ingest-api: preStop sleep 40 s (now 0 s), terminationGracePeriodSeconds 70 s (now 30 s)",
        502,
        "mid-response",
        "ingest/ingest-api-7d9c4b6f58-x2x{n} exited {lag:.1f} s before; "
        "4 node targets lost connections in 2 s",
        0.84,
    ),
    "target_crash": Cause(
        "Target process died",
        "Deployment ingest-api: raise the memory limit above 2Gi; container was OOMKilled at 2.0Gi",
        502,
        "mid-response",
        "container ingest-api was OOMKilled {lag:.1f} s before; 61 requests in flight failed within 0.3 s",
        0.95,
    ),
    "conntrack_reset": Cause(
        "Connection reset by an unmatched packet",
        "Set net.netfilter.nf_conntrack_tcp_be_liberal = 1 on nodes of Kubernetes 1.14, or upgrade to 1.15",
        502,
        "mid-response",
        "reset {lag:.1f} s into a request of 8.4 MB; large bodies are 5.1 times over-represented",
        0.62,
    ),
    "insufficient_evidence": Cause(
        "Nobody watched", "Collect the missing sources", 502, "waiting", "pods", 0.5
    ),
    "unexplained": Cause(
        "No cause fits",
        "Keep the logs; ask for pod and CloudTrail dumps",
        502,
        "waiting",
        "no cause fits",
        0.55,
    ),
}


@dataclass
class Incident:
    """The tables of one incident, as rows still to be changed by a test."""

    attributions: list[Row] = field(default_factory=list)
    lifetimes: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    coverage: list[Row] = field(default_factory=list)
    traffic: list[Row] = field(default_factory=list)
    neighbours: list[tuple[int, str, int]] = field(default_factory=list)
    settings: list[Row] = field(default_factory=list)
    target_zones: list[tuple[str, str]] = field(default_factory=list)

    def attach(self, engine: Engine) -> None:
        """Make the tables readable under the names that the report expects."""
        engine.attach("attributions", table(ATTRIBUTIONS, self.attributions))
        engine.attach("lifetimes", table(LIFETIMES, self.lifetimes))
        engine.attach("events", table(EVENTS, self.events))
        engine.attach("coverage", table(COVERAGE, self.coverage))
        engine.attach_parquet(REQUESTS, [])
        engine.attach("settings", table(SETTINGS, self.settings))
        engine.attach("traffic", pa.Table.from_pylist(self.traffic, schema=TRAFFIC))
        engine.attach("gateway_errors", gateway_errors(self.attributions))
        engine.attach("pair_minutes", pair_minutes(self.traffic))
        zones = [(GROUP, address, zone) for address, zone in self.target_zones]
        engine.attach("target_zones", pl.DataFrame(zones, TARGET_ZONES, orient="row"))
        engine.attach("candidates", table(CANDIDATES, candidates(self.attributions)))
        engine.attach("objects", table(OBJECTS, objects(self.attributions)))
        engine.attach("causes", causes_frame())
        engine.attach("neighbouring_errors", pl.DataFrame(self.neighbours, NEIGHBOURS, orient="row"))
        for empty in (KEEPALIVE_ESTIMATES, KEEPALIVE_HAZARD, CHECKS, DOSE_RESPONSES):
            engine.attach_parquet(empty, [])

    def frame(self) -> pl.DataFrame:
        """The attributions alone."""
        return pl.DataFrame(table(ATTRIBUTIONS, self.attributions))


_TRAFFIC_COLUMNS: dict[str, pa.DataType] = {
    "minute": INSTANT,
    "elb": pa.string(),
    "target_group_arn": pa.string(),
    "target_ip": pa.string(),
    "requests": pa.int64(),
    "gateway_errors": pa.int64(),
}
TRAFFIC = pa.schema(_TRAFFIC_COLUMNS)
TARGET_ZONES = {"target_group_arn": pl.String, "target_ip": pl.String, "zone": pl.String}
NEIGHBOURS = {"elb_status_code": pl.Int16, "label": pl.String, "requests": pl.Int64}


_BALANCER_NODES = ("10.0.0.7", "10.0.0.8")
_TARGETS = (
    *(f"10.0.1.{20 + number}" for number in range(13)),
    *(f"10.0.2.{10 + number}" for number in range(6)),
)
_ERROR_COLUMNS: dict[str, pa.DataType] = {
    "request_id": pa.string(),
    "elb_node_ip": pa.string(),
    "target_group_arn": pa.string(),
    "target_ip": pa.string(),
    "duration_s": pa.float64(),
    "waited_s": pa.float64(),
    "gap_s": pa.float64(),
    "request_verb": pa.string(),
    "path": pa.string(),
}
_PAIR_COLUMNS: dict[str, pa.DataType] = {
    "elb_node_ip": pa.string(),
    "target_group_arn": pa.string(),
    "target_ip": pa.string(),
    "requests": pa.int64(),
}


def gateway_errors(attributions: Sequence[Row]) -> pa.Table:
    """What the lines of the errors say, as far as the report shows it."""
    rows = [
        {
            "request_id": row["request_id"],
            "elb_node_ip": _BALANCER_NODES[number % 2],
            "target_group_arn": GROUP,
            "target_ip": row["target_ip"],
            "duration_s": 10.002 if row["elb_status_code"] == 504 else 0.004,
            "waited_s": None if row["elb_status_code"] == 504 else 0.003,
            "gap_s": 5.001,
            "request_verb": "POST",
            "path": "/v1/ingest",
        }
        for number, row in enumerate(attributions)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(_ERROR_COLUMNS))


def pair_minutes(traffic: Sequence[Row]) -> pa.Table:
    """Requests per minute, node of the load balancer and target: each node gets half, each target as many."""
    rows = [
        {
            "elb_node_ip": node,
            "target_group_arn": GROUP,
            "target_ip": target,
            "requests": (row["requests"] // 2 + number) // len(_TARGETS),
        }
        for row in traffic
        for node in _BALANCER_NODES
        for number, target in enumerate(_TARGETS)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(_PAIR_COLUMNS))


def candidates(attributions: Sequence[Row]) -> list[Row]:
    """The verdict and the runner-up of every error."""
    return [
        {
            "request_id": row["request_id"],
            "cause": row[cause],
            "cluster_id": "c",
            "rate_group": "g",
            "exposure": 1.0,
            "support": 0.0,
            "class_share": 1.0,
            "log_likelihood": -2.0,
            "evidence": row["evidence"] if cause == "cause" else "nothing else fits",
            "log_rate": 0.0,
            "probability": row[probability],
        }
        for row in attributions
        for cause, probability in (("cause", "confidence"), ("runner_up", "runner_up_confidence"))
        if row[cause]
    ]


def objects(attributions: Sequence[Row]) -> list[Row]:
    """The objects that the errors' lines stand in."""
    base = {"etag": "e", "size": 1, "lines": 90_000, "rows": 90_000, "rejected": 0, "parser_version": "1"}
    return [
        {"object_key": key, "ingested_at": FIRST, **base}
        for key in sorted({row["object_key"] for row in attributions})
    ]


def table(of: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows in exactly the schema of a table; missing columns are NULL."""
    full = [{name: row.get(name) for name in of.schema.names} for row in rows]
    return pa.Table.from_pylist(full, schema=of.schema)


def causes_frame() -> pl.DataFrame:
    """The table `causes`: what the cause files say about themselves."""
    return pl.DataFrame(
        [
            {"id": name, "title": c.title, "remedy": c.remedy, "statuses": str(c.status)}
            for name, c in CAUSES.items()
        ]
    )


def attribution(cause: str, at: datetime, number: int, **columns: Any) -> Row:  # noqa: ANN401 - any column
    """One verdict, with everything a reader is shown."""
    about = CAUSES[cause]
    lag = columns.pop("lag_s", 1.4)
    node = columns.pop("node", "i-0a1b2c3d4e5f60718")
    return {
        "request_id": f"{number:016x}",
        "trace_id": f"Root=1-{int(at.timestamp()):08x}-{blake2b(b'%d' % number, digest_size=12).hexdigest()}",
        "time": at,
        "elb": LB,
        "elb_status_code": about.status,
        "target_ip": "10.0.1.20",
        "target_port": 31234,
        "target_group_arn": GROUP,
        "failure_class": about.failure_class,
        "cause": cause,
        "confidence": about.confidence,
        "runner_up": "unexplained" if cause != "unexplained" else "keepalive_race",
        "runner_up_confidence": round(1 - about.confidence, 3),
        "lag_s": lag,
        "is_provisional": False,
        "evidence": about.evidence.format(node=node, lag=lag, n=number % 10),
        "remedy": about.remedy,
        "object_key": f"AWSLogs/123456789012/elasticloadbalancing/eu-central-1/2026/11/22/"
        f"123456789012_elasticloadbalancing_eu-central-1_{LB.replace('/', '.')}"
        f"_{at:%Y%m%dT%H%M}Z_10.0.0.7_3k2x.log.gz",
        "line_number": 1 + number * 7919 % 90_000,
        "tool_version": "0.1.0",
        "causes_hash": "5f1c0c6e",
        **columns,
    }


@dataclass
class _Builder:
    """Adds things that happen, one after the other, to an incident."""

    chance: random.Random
    incident: Incident = field(default_factory=Incident)

    def error(self, cause: str, at: datetime, **columns: Any) -> None:  # noqa: ANN401 - any column
        about = CAUSES[cause]
        confidence = min(0.999, max(0.35, self.chance.gauss(about.confidence, 0.04)))
        rows = self.incident.attributions
        shares = {"confidence": round(confidence, 3), "runner_up_confidence": round(1 - confidence, 3)}
        rows.append(attribution(cause, at, len(rows) + 1, **shares, **columns))

    def event(self, kind: str, at: datetime, **columns: Any) -> str:  # noqa: ANN401 - any column
        event_id = f"{len(self.incident.events) + 1:016x}"
        base = {"event_id": event_id, "occurred_at": at, "uncertainty_s": 1.0, "source": "autoscaling"}
        self.incident.events.append(base | {"kind": kind, "source_ref": "events.json#1"} | columns)
        return event_id

    def node(self, address: str, group: str, joined: float | None, left: float | None) -> Row:
        """One node's stay; minutes after FIRST."""
        row: Row = {
            "lifetime_id": f"{len(self.incident.lifetimes) + 1:016x}",
            "kind": "node",
            "private_ip": address,
            "instance_id": f"i-0{len(self.incident.lifetimes) + 1:016x}",
            "node_name": f"ip-{address.replace('.', '-')}.eu-central-1.compute.internal",
            "node_group": group,
        }
        if joined is not None:
            row["joined_at"] = minutes(joined)
            row["joined_event_id"] = self.event("node_joined", minutes(joined), private_ip=address)
            row |= {"joined_known_by": "autoscaling", "joined_uncertainty_s": 1.0}
        if left is not None:
            row["left_at"] = minutes(left)
            row["left_event_id"] = self.event("instance_terminated", minutes(left), private_ip=address)
            row |= {"left_known_by": "cloudtrail", "left_uncertainty_s": 1.0}
            row |= {"left_reason": "scale_in", "is_graceful": False}
        self.incident.lifetimes.append(row)
        return row

    def burst(self, cause: str, at: datetime, count: int, spread_s: float, **columns: Any) -> None:  # noqa: ANN401 - any column
        """Errors after an event, thinning out."""
        for _ in range(count):
            lag = self.chance.expovariate(3 / spread_s)
            self.error(cause, at + timedelta(seconds=lag), lag_s=round(lag, 3), **columns)


def minutes(after: float) -> datetime:
    """The instant some minutes into the incident."""
    return FIRST + timedelta(minutes=after)


def incident(scale: float = 1.0, seed: int = 7) -> Incident:
    """Four hours in the night of 2026-11-22.

    Args:
        scale: factor on the number of errors; 1.0 gives about 1,460.
        seed: same seed, same incident.
    """
    builder = _Builder(random.Random(seed))  # noqa: S311 - a reproducible story, no secret
    _nodes(builder, scale)
    _pods(builder, scale)
    _background(builder, scale)
    _coverage(builder.incident)
    _traffic(builder)
    _zones(builder.incident)
    builder.incident.attributions.sort(key=lambda row: (row["time"], row["request_id"]))
    return builder.incident


def _nodes(builder: _Builder, scale: float) -> None:
    for number in range(6):
        builder.node(f"10.0.2.{10 + number}", "ingest-api", None, None)
    stays: list[tuple[float | None, float | None]] = [(None, 62.0), (None, 63.0), (None, 64.5), (None, 150.0)]
    stays += [(None, None), (None, None)]
    stays += [
        (31.0, 151.0),
        (32.0, 152.0),
        (33.0, None),
        (95.0, 210.0),
        (96.0, None),
        (178.0, None),
        (179.0, None),
    ]
    for number, (joined, left) in enumerate(stays):
        node = builder.node(f"10.0.1.{20 + number}", "bulk-ingest", joined, left)
        about = {"target_ip": node["private_ip"], "node": node["instance_id"]}
        if joined is not None:
            count = int(builder.chance.randint(28, 52) * scale)
            builder.burst("new_node", minutes(joined), count, 150, event_id=node["joined_event_id"], **about)
        if left is not None:
            count = int(builder.chance.randint(60, 95) * scale)
            builder.burst("scale_in", minutes(left), count, 110, event_id=node["left_event_id"], **about)


def _pods(builder: _Builder, scale: float) -> None:
    for number in range(6):
        at = minutes(118 + number * 1.5)
        pod = f"ingest/ingest-api-7d9c4b6f58-x2x{number}"
        event_id = builder.event("pod_exited", at, pod_name=pod, source="kubernetes", detail="exit code 143")
        builder.burst("draining_pod", at, int(24 * scale), 2, event_id=event_id)
    crash = minutes(192.4)
    event_id = builder.event(
        "container_crashed",
        crash,
        pod_name="ingest/ingest-api-7d9c4b6f58-x2x9",
        source="kubernetes",
        reason="OOMKilled",
    )
    builder.burst("target_crash", crash, int(61 * scale), 0.3, event_id=event_id)


def _background(builder: _Builder, scale: float) -> None:
    for cause, count in (("keepalive_race", 164), ("conntrack_reset", 34), ("unexplained", 31)):
        for _ in range(int(count * scale)):
            at = minutes(builder.chance.uniform(0, MINUTES - 0.1))
            target = f"10.0.2.{builder.chance.randint(10, 15)}"
            unwatched = at > minutes(200) and cause == "unexplained"
            missing = "pods,kube_events" if unwatched else None
            builder.error(cause, at, lag_s=0.002, target_ip=target, missing_sources=missing)


def _coverage(into: Incident) -> None:
    spans = {"scaling_activities": 240, "cloudtrail": 240, "pods": 200, "kube_events": 200}
    for source, until in spans.items():
        span = {"covered_from": FIRST, "covered_to": minutes(until)}
        into.coverage.append({"source": source, "source_ref": f"{source}.json", **span})


def _zones(into: Incident) -> None:
    """One node of the load balancer in each of two zones, bulk nodes in one, the others in the other."""
    for letter, node in zip("ab", _BALANCER_NODES, strict=True):
        zone = {"setting": "availability_zone", "value": f"eu-central-1{letter}"}
        into.settings.append({"resource": f"elb_node/{node}", "source": "ec2", **zone})
    for target in _TARGETS:
        letter = "a" if target.startswith("10.0.1.") else "b"
        into.target_zones.append((target, f"eu-central-1{letter}"))


def _traffic(builder: _Builder) -> None:
    errors: dict[datetime, int] = {}
    for row in builder.incident.attributions:
        minute = row["time"].replace(second=0, microsecond=0)
        errors[minute] = errors.get(minute, 0) + 1
    for number in range(MINUTES):
        minute = minutes(number)
        requests = 5200 + builder.chance.randint(-400, 400)
        row = {"minute": minute, "elb": LB, "target_group_arn": GROUP, "target_ip": "10.0.1.20"}
        builder.incident.traffic.append(row | {"requests": requests, "gateway_errors": errors.get(minute, 0)})
