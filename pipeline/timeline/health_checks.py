"""Health-check logs to events: when a load balancer node began or ceased to reach a target.

Only changes become events, never single checks. A check that got a wrong answer reached its target.
"""

from datetime import timedelta
from typing import Any

import polars as pl

from pipeline.model import EventKind
from pipeline.timeline.base import Findings
from pipeline.timeline.lifetimes_logs import target_types

NAME = "health_checks"

MOST_RUNS = 200_000
"""As many as sql/intermediate/check_runs.sql hands over."""
_GAP = timedelta(seconds=600)
"""Longer silence is no observation."""
_KNOWN_BEFORE = timedelta(seconds=60)
"""A node's checks reach back so far before a target's first one, if the target is new."""
_SPACING_S = 30.0
"""The load balancer's default interval, where a target was checked once."""

Row = dict[str, Any]


def observed(runs: pl.DataFrame, settings: pl.DataFrame) -> Findings:
    """Events and coverage of runs of checks.

    Args:
        runs: as `intermediate/check_runs` makes them.
        settings: rows of `settings`, which tell target groups' ARNs and types.
    """
    findings = Findings()
    if runs.height >= MOST_RUNS:
        findings.problem(NAME, f"more than {MOST_RUNS:,} runs of checks; the later ones make no events")
    for span in _spans(runs).iter_rows(named=True):
        findings.covered(NAME, span["first_at"], span["last_at"], span["object_key"])
    changed = (pl.col("is_reachable") != pl.col("was_reachable")).fill_null(value=False)
    for row in _with_groups(runs.filter(changed | _is_new_and_dead()), settings).iter_rows(named=True):
        _add(findings, row)
    return findings


def _is_new_and_dead() -> pl.Expr:
    is_new = pl.col("checked_before_at").is_null()
    was_watched = pl.col("first_at") - pl.col("node_watched_from") > _KNOWN_BEFORE
    return is_new & was_watched & ~pl.col("is_reachable")


def _spans(runs: pl.DataFrame) -> pl.DataFrame:
    """Spans in which any target was checked."""
    rows = runs.sort("first_at", "last_at")
    is_new = pl.col("first_at") - pl.col("last_at").cum_max().shift(1) > _GAP
    return (
        rows.with_columns(is_new.fill_null(value=True).cum_sum().alias("span"))
        .group_by("span", maintain_order=True)
        .agg(pl.col("first_at").min(), pl.col("last_at").max(), pl.col("object_key").first())
    )


def _with_groups(runs: pl.DataFrame, settings: pl.DataFrame) -> pl.DataFrame:
    """The runs with ARN and target type of their target group, where its name tells one only."""
    name = pl.col("target_group_arn").str.extract(r":targetgroup/([^/]+)/")
    groups = target_types(settings).with_columns(name.alias("group_name"))
    unique = groups.filter(pl.col("group_name").is_unique())
    given = pl.col("target_group_id").str.extract(r"targetgroup/([^/]+)/")
    return runs.with_columns(given.fill_null(pl.col("target_group_id")).alias("group_name")).join(
        unique, on="group_name", how="left", maintain_order="left"
    )


def _add(findings: Findings, row: Row) -> None:
    occurred_at, uncertainty_s = row["first_at"], _spacing_s(row)
    if row["checked_before_at"] is not None:
        half = (row["first_at"] - row["checked_before_at"]) / 2
        occurred_at, uncertainty_s = row["checked_before_at"] + half, half.total_seconds()
    is_reachable = row["is_reachable"]
    findings.event(
        EventKind.TARGET_BECAME_REACHABLE if is_reachable else EventKind.TARGET_BECAME_UNREACHABLE,
        occurred_at,
        source=NAME,
        own_id=f"{row['object_key']}#{row['line_number']}",
        source_ref=f"{row['object_key']}#{row['line_number']}",
        uncertainty_s=uncertainty_s,
        target_group_arn=row["target_group_arn"],
        target_port=row["target_port"],
        vpc_id=row["target_vpc_id"],
        reason=None if is_reachable else row["reason_code"],
        detail=_sentence(row),
        **{"pod_ip" if row["target_type"] == "ip" else "private_ip": row["target_ip"]},
    )


def _spacing_s(row: Row) -> float:
    if row["checks"] < 2:  # noqa: PLR2004 - one check has no spacing
        return _SPACING_S
    return float((row["last_at"] - row["first_at"]).total_seconds() / (row["checks"] - 1))


def _sentence(row: Row) -> str:
    what = (
        "answers" if row["is_reachable"] else f"does not answer ({row['reason_code'] or 'no reason given'})"
    )
    since = " from its first check on" if row["checked_before_at"] is None else ""
    count = "1 check" if row["checks"] == 1 else f"{row['checks']:,} checks"
    flaps = f", {row['changes']:,} changes in them" if row["changes"] > 1 else ""
    return (
        f"{row['target_ip']}:{row['target_port']} of {row['target_group_id'] or 'a target group'} {what} "
        f"load balancer node {row['elb_node_ip'] or 'unknown'}{since}: {count}{flaps}"
    )
