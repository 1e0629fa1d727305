"""Baseline (a): the cause of an error is the kind of the event nearest to it, within a minute."""

import bisect

import polars as pl

from pipeline.engine.duckdb import Engine

WITHIN_S = 60.0
MEANS = {
    "instance_launched": "new_node",
    "node_joined": "new_node",
    "target_registered": "new_node",
    "instance_terminated": "scale_in",
    "instance_stopped": "scale_in",
    "termination_started": "scale_in",
    "node_left": "scale_in",
    "spot_interrupted": "spot_interruption",
    "pod_deletion_requested": "draining_pod",
    "target_deregistered": "draining_pod",
    "container_crashed": "target_crash",
    "instance_impaired": "target_crash",
    "node_became_unready": "target_crash",
}
BY_THE_LINE = {"target_answered": "target_generated", "lambda": "lambda_error"}


def judge(engine: Engine) -> pl.DataFrame:
    """Rows ``request_id``, ``cause``, ``confidence`` (always 1: such a rule knows no doubt)."""
    events = engine.table("events").select("occurred_at", "kind", "reason").sort("occurred_at", "kind")
    known = [
        (at.timestamp(), MEANS.get(kind) or reason)
        for at, kind, reason in events.iter_rows()
        if kind in MEANS or reason == "security_group_change"
    ]
    instants = [at for at, _ in known]
    rows = []
    errors = engine.table("gateway_errors").select("request_id", "failure_class", "failed_at")
    for request_id, failure_class, failed_at in errors.iter_rows():
        cause = BY_THE_LINE.get(failure_class) or _nearest(known, instants, failed_at.timestamp())
        rows.append((request_id, cause, 1.0))
    return pl.DataFrame(rows, schema=["request_id", "cause", "confidence"], orient="row")


def _nearest(known: list[tuple[float, str]], instants: list[float], at: float) -> str:
    place = bisect.bisect_left(instants, at)
    around = known[max(place - 1, 0) : place + 1]
    distance, cause = min(((abs(t - at), name) for t, name in around), default=(WITHIN_S + 1, ""))
    return cause if distance <= WITHIN_S else "unexplained"
