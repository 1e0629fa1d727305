"""A timeline of any length and size: nodes that stay, nodes and pods that come and go, probes that fail.

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
from tests.benchmarks.lifetimes import Rows, event, node, pod
from tests.support.alb_lines import ELB, GROUP

SERVED = 10
"""One pod in so many stands behind the target group; the others are of other services."""
_A_POD = 2.4
"""Events of a pod, on average."""
_STAY_S = 1800.0
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
    exits = []
    for number in range(int((events - len(rows)) / _A_POD)):
        left = rng.uniform(0.0, span.length_s)
        pod(rows, number, names[number % targets], span.at(left - _STAY_S), span.at(left))
        app = "web" if number % SERVED == 0 else f"other-{number % SERVED}"
        settings += _of_pod(number, app)
        if app == "web":
            exits.append(left)
    while len(rows) < events:
        event(rows, "probe_failed", span.at(rng.uniform(0.0, span.length_s)), "kubernetes", pod_uid="u-0")
    archive.keep(store, {EVENTS.name: frame(EVENTS, rows[:events]), **_rest(settings, span)})
    return np.sort(np.array(exits))


def _of_pod(number: int, app: str) -> Rows:
    texts = {"labels": f'{{"app":"{app}"}}', "name": f"shop/p{number}"}
    resource = f"pod/u-{number}"
    return [
        {"resource": resource, "setting": name, "value": value, "source": "kubernetes"}
        for name, value in texts.items()
    ]


def _settings() -> Rows:
    known = [
        ("service/shop/web", "selector", '{"app":"web"}'),
        ("service/shop/web", "node_port:30080", "8080"),
        (GROUP, "target_type", "instance"),
        (GROUP, "deregistration_delay.timeout_seconds", "300"),
        (f"arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/{ELB}", _IDLE_TIMEOUT, "60"),
    ]
    return [
        {"resource": resource, "setting": setting, "value": value, "source": "made"}
        for resource, setting, value in known
    ]


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
