"""A timeline of any length and size: nodes that stay, nodes and pods that come and go.

The rows are those that the collectors would make, so that reconciling them is part of what is measured.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from pipeline.model import COVERAGE, EVENTS, SETTINGS
from pipeline.timeline import archive
from pipeline.timeline.base import frame
from pipeline.timeline.kubernetes import NAME as KUBERNETES
from tests.benchmarks.lifetimes import Rows, event, node
from tests.support.alb_lines import ELB, GROUP

SERVICES = 10
"""Services with a node port each; the first one's is that of the target group."""
_LIFE = {
    "pod_scheduled": 1812.0,
    "pod_became_ready": 1800.0,
    "pod_deletion_requested": 30.0,
    "pod_exited": 0.0,
}
"""Events of a pod, and how many seconds before its exit they come."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """What time the benchmark covers; seconds are counted from its start."""

    start: datetime
    length_s: float

    def at(self, seconds: float) -> datetime:
        """The instant."""
        return self.start + timedelta(seconds=seconds)


def target_addresses(targets: int) -> list[str]:
    """Addresses of the nodes behind the target group."""
    return [f"10.{number // 250}.{number % 250}.7" for number in range(targets)]


def keep_timeline(store: Path, span: Span, events: int, targets: int) -> np.ndarray:
    """Put a timeline into the store; returns when pods behind the target group exit (s, sorted)."""
    rng = np.random.default_rng(5)
    rows: Rows = []
    settings = _settings()
    names = [node(rows, number, span.start - _DAY, None) for number in range(targets)]
    for number in range(targets, targets + events // 600):
        joined = span.at(rng.uniform(-3600.0, span.length_s))
        node(rows, number, joined, joined + timedelta(hours=2))
    exits = rng.uniform(0.0, span.length_s, (events - len(rows)) // len(_LIFE))
    for number, left in enumerate(exits):
        _pod(rows, number, names[number % targets], span.at(left))
        settings += _of_pod(number)
    archive.keep(store, {EVENTS.name: frame(EVENTS, rows), **_rest(settings, span)})
    return np.sort(exits[::SERVICES])


def _pod(rows: Rows, number: int, node_name: str, left: datetime) -> None:
    """A pod that serves for half an hour, and is drained before it exits."""
    who = {
        "pod_uid": f"u-{number}",
        "pod_name": f"shop/p{number}",
        "pod_ip": f"10.{128 + number // 62_500}.{number // 250 % 250}.{number % 250}",
        "node_name": node_name,
    }
    for kind, before_s in _LIFE.items():
        event(rows, kind, left - timedelta(seconds=before_s), "kubernetes", **who)


def _of_pod(number: int) -> Rows:
    texts = {"labels": _labels(number % SERVICES), "name": f"shop/p{number}"}
    return [_setting(f"pod/u-{number}", name, value) for name, value in texts.items()]


def _settings() -> Rows:
    known = [
        (GROUP, "target_type", "instance"),
        (GROUP, "deregistration_delay.timeout_seconds", "300"),
        (f"arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/{ELB}", _IDLE_TIMEOUT, "60"),
    ]
    for number in range(SERVICES):
        known.append((f"service/shop/web-{number}", "selector", _labels(number)))
        known.append((f"service/shop/web-{number}", f"node_port:{30080 + number}", "8080"))
    return [_setting(*one) for one in known]


def _labels(service: int) -> str:
    return f'{{"app":"web-{service}"}}'


def _setting(resource: str, setting: str, value: str) -> dict[str, str]:
    source = "elbv2" if resource.startswith("arn:") else KUBERNETES
    return {"resource": resource, "setting": setting, "value": value, "source": source}


_IDLE_TIMEOUT = "idle_timeout.timeout_seconds"


def _rest(settings: Rows, span: Span) -> dict[str, pl.DataFrame]:
    covered = [
        {
            "source": source,
            "covered_from": span.start - _DAY,
            "covered_to": span.at(span.length_s) + _DAY,
            "source_ref": "made",
        }
        for source in ("scaling_activities", "cloudtrail", "nodes", "pods")
    ]
    return {SETTINGS.name: frame(SETTINGS, settings), COVERAGE.name: frame(COVERAGE, covered)}
