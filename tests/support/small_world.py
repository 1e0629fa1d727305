"""A few targets with steady traffic, a handful of errors and events: the stage of the scenario tests.

Times are seconds from the start; everything not said is quiet, covered and old.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.attribute import run
from pipeline.engine.duckdb import Engine
from pipeline.ingest.parsed import Parsed
from pipeline.ingest.redact import Redactor
from pipeline.model import COVERAGE, EVENTS, LIFETIMES, REQUESTS, SETTINGS, Window
from pipeline.timeline.base import frame

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
_CLOCK = {"start": START}
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/943f017f100becff"
ELB = "app/shop/50dc6c495c0c9188"
SHAPES: dict[str, dict[str, Any]] = {
    "closed_at_once": {"status": 502, "times": (0.0, 0.001, -1.0), "duration": 0.002},
    "closed_midway": {"status": 502, "times": (0.001, 1.2, -1.0), "duration": 1.201},
    "not_connected": {"status": 502, "times": (-1.0, -1.0, -1.0), "duration": 0.003},
    "connect_timeout": {"status": 504, "times": (-1.0, -1.0, -1.0), "duration": 10.002},
    "no_answer": {"status": 504, "times": (0.001, -1.0, -1.0), "duration": 60.002},
    "target_answered": {"status": 502, "times": (0.001, 0.3, 0.0), "duration": 0.301, "target_status": 502},
    "tls_timeout": {"status": 504, "times": (-1.0, -1.0, -1.0), "duration": 20.004},
    "refused_answer": {"status": 502, "times": (0.001, 0.3, -1.0), "duration": 0.301, "target_status": 200},
    "cut_answer": {"status": 504, "times": (0.001, 60.3, -1.0), "duration": 60.301, "target_status": 200},
    "lambda": {"status": 502, "times": (0.0, 0.2, 0.0), "duration": 0.2, "reason": "LambdaUnhandled"},
}


def attribute(
    case: dict[str, Any],
    *,
    start: datetime = START,
    order: random.Random | None = None,
    redactor: Redactor | None = None,
) -> pl.DataFrame:
    """Attributions of one case, sorted by time.

    Args:
        case: what happens; see the scenario files.
        start: the instant that second 0 of the case is.
        order: shuffles the rows of every input.
        redactor: takes people out of the requests.
    """
    with attributed(case, start=start, order=order, redactor=redactor) as engine:
        return engine.table("attributions")


@contextmanager
def attributed(
    case: dict[str, Any],
    *,
    start: datetime = START,
    order: random.Random | None = None,
    redactor: Redactor | None = None,
) -> Iterator[Engine]:
    """The engine with all tables of one case; arguments as for `attribute`."""
    _CLOCK["start"] = start
    lines = _traffic(case) + _errors(case)
    events = [_event(one, n) for n, one in enumerate(case.get("events", []))]
    lifetimes = _lifetimes(case)
    for rows in (lines, events, lifetimes) if order else ():
        order.shuffle(rows)  # type: ignore[union-attr]  # mypy does not see the condition
    requests = pa.Table.from_pylist(lines, schema=REQUESTS.schema)
    if redactor is not None:
        (requests,) = redactor.redacted(Parsed(len(lines), [requests]), REQUESTS.name).tables
    with Engine() as engine:
        engine.attach("requests", requests)
        engine.ask("create view error_rows as select * from requests where elb_status_code in (502, 504)")
        engine.attach("events", frame(EVENTS, events))
        engine.attach("settings", frame(SETTINGS, _settings(case)))
        engine.attach("coverage", frame(COVERAGE, _coverage(case)))
        engine.attach("lifetimes", frame(LIFETIMES, lifetimes))
        run.observe_traffic(engine)
        run.attribute(engine, Window())
        yield engine


def at(seconds: float) -> datetime:
    """The instant, seconds from the start."""
    return _CLOCK["start"] + timedelta(seconds=float(seconds))


def _traffic(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Answered requests: Poisson on every target for the whole case, from its joining to its leaving."""
    rng = np.random.default_rng(case.get("seed", 1))
    span = case.get("minutes", 30) * 60
    nodes = {one["target"]: one for one in case.get("nodes", [])}
    rows = []
    for target in range(1, case.get("targets", 4) + 1):
        node = nodes.get(target, {})
        start, end = max(node.get("joined", 0), 0), min(node.get("silent", node.get("left", span)), span)
        rate = case.get("rate", 2.0)
        moments = rng.uniform(start, end, int(rate * max(end - start, 0)))
        sizes = {"size": case.get("bytes", 400), "verb": case.get("verb", "GET")}
        rows += [_answer(target, moment, **sizes) for moment in np.sort(moments)]
        for surge in case.get("surges", []):
            if target in surge.get("targets", [target]):
                rows += _surge(rng, target, rate, surge)
    rows += [_answer(*one) for one in case.get("answers", [])]
    rows += [{**_answer(*one), "type": "wss"} for one in case.get("sockets", [])]
    return [{**row, "line_number": number} for number, row in enumerate(rows, 1)]


def _surge(rng: np.random.Generator, target: int, rate: float, surge: dict[str, Any]) -> list[dict[str, Any]]:
    """More answers than usual for a while, each of them slower; some connects only at the second SYN."""
    start, end, slow = surge["from"], surge["to"], surge.get("answer", 0.4)
    moments = rng.uniform(start, end, int(rate * surge.get("times", 2.0) * (end - start)))
    rows = [_request(one, target, (0.0, slow, 0.0), 200, 200, slow, size=400) for one in np.sort(moments)]
    late = moments[: surge.get("slow_connects", 0)]
    return rows + [_request(one, target, (1.01, slow, 0.0), 200, 200, 1.01 + slow, size=400) for one in late]


def _answer(
    target: int,
    moment: float,
    path: str = "/cart",
    client: str = "198.51.100.7",
    size: int = 400,
    verb: str = "GET",
) -> dict[str, Any]:
    times = (0.0, 0.05, 0.0)
    return _request(moment, target, times, 200, 200, 0.05, size=size, path=path, client=client, verb=verb)


def _errors(case: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for one in case["errors"]:
        shape = SHAPES[one["shape"]]
        for number in range(one.get("count", 1)):
            targets = one.get("targets") or [one.get("target")]
            duration = one.get("duration", shape["duration"])
            connect, wait, rest = shape["times"]
            times = (
                (connect, duration - 0.001, rest)
                if one["shape"] == "closed_midway"
                else (connect, wait, rest)
            )
            rows.append(
                _request(
                    one["at"] + number * one.get("spacing", 0.01),
                    None if one["shape"] == "lambda" else targets[number % len(targets)],
                    times,
                    shape["status"],
                    shape.get("target_status"),
                    duration,
                    size=one.get("bytes", 400),
                    reason=shape.get("reason"),
                    path=one.get("path", "/cart"),
                    client=one.get("client", "198.51.100.7"),
                    verb=one.get("verb", "GET"),
                    elb_node=one.get("elb_node", "172.16.0.9"),
                )
            )
    return [{**row, "line_number": 1_000_000 + number} for number, row in enumerate(rows)]


def _request(
    moment: float,
    target: int | None,
    times: tuple[float, float, float],
    status: int,
    target_status: int | None,
    duration: float,
    size: int,
    reason: str | None = None,
    path: str = "/cart",
    client: str = "198.51.100.7",
    verb: str = "GET",
    elb_node: str = "172.16.0.9",
) -> dict[str, Any]:
    return {
        "type": "https",
        "client_ip": client,
        "time": at(moment),
        "elb": ELB,
        "elb_node_ip": elb_node,
        "target_ip": None if target is None else f"10.0.0.{target}",
        "target_port": None if target is None else 30080,
        "request_processing_time": times[0],
        "target_processing_time": times[1],
        "response_processing_time": times[2],
        "elb_status_code": status,
        "target_status_code": target_status,
        "received_bytes": size,
        "sent_bytes": 300,
        "request_verb": verb,
        "request_url": f"https://shop.example:443{path}",
        "request_proto": "HTTP/2.0",
        "target_group_arn": GROUP,
        "error_reason": reason,
        "request_creation_time": at(moment - duration),
        "object_key": "case",
    }


def _event(one: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "event_id": f"event-{number}",
        "occurred_at": at(one["at"]),
        "uncertainty_s": one.get("uncertainty", 1.0),
        "source": one.get("source", "cloudtrail"),
        "kind": one["kind"],
        "private_ip": f"10.0.0.{one['target']}" if "target" in one else None,
        "target_group_arn": GROUP if one["kind"].startswith("target_") else None,
        "node_name": one.get("node"),
        "service": one.get("service"),
        "detail": one.get("detail"),
        "pod_name": one.get("pod"),
        "pod_uid": one.get("pod"),
        "reason": one.get("reason"),
        "source_ref": "case",
    }


def _settings(case: dict[str, Any]) -> list[dict[str, Any]]:
    arn = f"arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/{ELB}"
    rows = [
        (arn, "idle_timeout.timeout_seconds", str(case.get("idle_timeout", 60))),
        (GROUP, "target_type", case.get("target_type", "instance")),
        (GROUP, "deregistration_delay.timeout_seconds", str(case.get("deregistration_delay", 300))),
        ("service/shop/web", "node_port:30080", "8080"),
    ]
    rows += [(GROUP, name, case[name]) for name in ("protocol", "protocol_version") if name in case]
    rows += [(f"node/node-{target}", "availability_zone", zone) for target, zone in case.get("zones", [])]
    if "security_groups" in case:
        rows.append((arn, "security_groups", case["security_groups"]))
    if "kubernetes" in case:
        rows.append(("node/any", "kube_proxy_version", case["kubernetes"]))
    return [
        {"resource": resource, "setting": setting, "value": value, "source": "case"}
        for resource, setting, value in rows
    ]


def _coverage(case: dict[str, Any]) -> list[dict[str, Any]]:
    sources = case.get("covered", ["scaling_activities", "cloudtrail", "pods", "nodes"])
    return [
        {"source": one, "covered_from": at(-3600), "covered_to": at(86400), "source_ref": "case"}
        for one in sources
    ]


def _lifetimes(case: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = {one["target"]: one for one in case.get("nodes", [])}
    rows = []
    if case.get("target_type", "instance") == "instance":
        rows += [_node(target, nodes.get(target, {})) for target in range(1, case.get("targets", 4) + 1)]
    rows += [_node(one["target"], one) for one in case.get("other_nodes", [])]
    rows += [_pod(one) for one in case.get("pods", [])]
    return rows


def _node(target: int, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "lifetime_id": f"node-{target}",
        "kind": "node",
        "private_ip": f"10.0.0.{target}",
        "node_name": f"node-{target}",
        "instance_id": f"i-{target}",
        "node_group": one.get("group", "web"),
        "joined_at": at(one.get("joined", -86400)),
        "joined_uncertainty_s": 1.0,
        "joined_known_by": "autoscaling",
        "joined_event_id": f"joined-{target}",
        "left_at": at(one["left"]) if "left" in one else None,
        "left_uncertainty_s": one.get("uncertainty", 1.0) if "left" in one else None,
        "left_known_by": "cloudtrail" if "left" in one else None,
        "left_event_id": f"left-{target}" if "left" in one else None,
        "left_reason": one.get("reason", "scale_in") if "left" in one else None,
        "is_graceful": one.get("graceful"),
    }


def _pod(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "lifetime_id": f"pod-{one['name']}",
        "kind": "pod",
        "private_ip": f"10.0.0.{one['target']}" if "target" in one else "10.9.9.9",
        "node_name": one.get("node", "node-1"),
        "pod_name": f"shop/{one['name']}",
        "pod_uid": one["name"],
        "service": "shop/web",
        "joined_at": at(one.get("joined", -86400)),
        "joined_uncertainty_s": 1.0,
        "drain_started_at": at(one["drain"]) if "drain" in one else None,
        "drain_event_id": f"drain-{one['name']}",
        "left_at": at(one["left"]) if "left" in one else None,
        "left_uncertainty_s": 1.0,
        "left_event_id": f"exit-{one['name']}",
        "left_reason": one.get("reason", "deleted") if "left" in one else None,
    }
