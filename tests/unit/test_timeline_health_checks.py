"""Runs of health checks, and the events and spans that they tell."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipeline.engine.duckdb import Engine
from pipeline.ingest import lenient
from pipeline.ingest.kinds import HEALTH_CHECK
from pipeline.ingest.parsed import Origin
from pipeline.model import COVERAGE, EVENTS, HEALTH_CHECKS, SETTINGS
from pipeline.timeline import health_checks
from pipeline.timeline.base import Findings, frame
from tests.support.alb_lines import GROUP, START
from tests.support.other_logs import CheckLine, checks

SETTINGS_OF_GROUP = [
    {"resource": GROUP, "setting": "target_type", "value": "ip", "source": "elbv2"},
    {"resource": GROUP, "setting": "vpc_id", "value": "vpc-1", "source": "elbv2"},
]


def runs_of(lines: list[CheckLine]) -> pl.DataFrame:
    parsed = lenient.parse(
        ((n, line.render().encode()) for n, line in enumerate(lines, 1)), Origin("key"), HEALTH_CHECK
    )
    assert parsed.rejects == []
    with Engine() as engine:
        engine.attach(HEALTH_CHECKS.name, parsed.tables[0] if lines else HEALTH_CHECKS.schema.empty_table())
        return engine.frame("intermediate/check_runs")


def found(lines: list[CheckLine], settings: list[dict[str, Any]] | None = None) -> Findings:
    return health_checks.observed(runs_of(lines), frame(SETTINGS, settings or []))


def events(lines: list[CheckLine]) -> list[tuple[str, float, float, str | None]]:
    """Kind, seconds since the start, uncertainty, reason."""
    rows = found(lines).events_frame().iter_rows(named=True)
    return [
        (
            row["kind"].removeprefix("target_became_"),
            _seconds(row["occurred_at"]),
            row["uncertainty_s"],
            row["reason"],
        )
        for row in rows
    ]


def _seconds(moment: datetime) -> float:
    return (moment - START).total_seconds()


def test_a_change_lies_between_two_checks() -> None:
    assert events(checks(START, "pppttpp")) == [
        ("unreachable", 25.0, 5.0, "TimedOut"),
        ("reachable", 45.0, 5.0, None),
    ]


def test_a_reset_is_told_by_its_reason_and_one_failed_check_is_a_run() -> None:
    assert events(checks(START, "prp", every_s=30)) == [
        ("unreachable", 15.0, 15.0, "ConnectionReset"),
        ("reachable", 45.0, 15.0, None),
    ]


def test_steady_targets_and_wrong_answers_make_no_events() -> None:
    assert events(checks(START, "p" * 500)) == []
    assert events(checks(START, "t" * 500)) == []
    assert events(checks(START, "pcpccp")) == []
    assert events(checks(START, "tcp")) == [("reachable", 5.0, 5.0, None)]


def test_a_failed_check_without_reason_or_status_was_not_answered() -> None:
    odd = CheckLine(time=START + timedelta(seconds=5), status="FAIL", status_code="-", reason="-")
    new = CheckLine(time=START + timedelta(seconds=15), status="FAIL", status_code="-", reason="Brand-New")
    own = CheckLine(
        time=START + timedelta(seconds=25), status="FAIL", status_code="-", reason="InternalError"
    )
    assert events([CheckLine(), odd]) == [("unreachable", 2.5, 2.5, None)]
    assert events([CheckLine(), new]) == [("unreachable", 7.5, 7.5, "Brand-New")]
    assert events([CheckLine(), own]) == []


def test_what_is_no_address_or_no_verdict_is_left_aside() -> None:
    function = CheckLine(
        type="lambda", target="arn:aws:lambda:x:1:function:f", status="FAIL", status_code="-"
    )
    unknown = CheckLine(time=START + timedelta(seconds=5), status="SKIPPED", status_code="-")
    assert runs_of([function]).height == 0
    assert events([CheckLine(), unknown]) == []


def test_each_node_target_and_group_is_watched_apart() -> None:
    lines = [
        *checks(START, "pt"),
        *checks(START, "pp", target="10.0.1.18:30080"),
        *checks(START, "pp", node_ip="198.51.100.5"),
        *checks(START, "pp", group="other"),
        *checks(START, "pp", elb="app/blog/1"),
    ]
    assert [kind for kind, *_ in events(lines)] == ["unreachable"]


def test_the_order_of_lines_does_not_matter() -> None:
    lines = checks(START, "ppttprrpp")
    assert events(lines[::-1]) == events(lines)


def test_a_target_that_joins_and_never_answers_is_told_from_its_first_check_on() -> None:
    old = checks(START, "p" * 40)
    late = checks(START + timedelta(seconds=200), "ttt", target="10.0.1.99:30080")
    assert events([*old, *late]) == [("unreachable", 200.0, 10.0, "TimedOut")]
    once = checks(START + timedelta(seconds=200), "t", target="10.0.1.99:30080")
    assert events([*old, *once]) == [("unreachable", 200.0, 30.0, "TimedOut")]
    assert events([*old, *checks(START, "ttt", target="10.0.1.99:30080")]) == []
    assert events([*old, *checks(START + timedelta(seconds=200), "ppp", target="10.0.1.99:30080")]) == []


def test_silence_ends_a_run_and_makes_a_change_uncertain() -> None:
    lines = [*checks(START, "pp"), *checks(START + timedelta(hours=1), "tt")]
    assert events(lines) == [("unreachable", 10 + 3590 / 2, 3590 / 2, "TimedOut")]
    quiet = [*checks(START, "pp"), *checks(START + timedelta(hours=1), "pp")]
    assert (runs_of(quiet).height, events(quiet)) == (2, [])


def test_spans_are_those_in_which_any_target_was_checked() -> None:
    lines = [
        *checks(START, "pp", every_s=300),
        *checks(START + timedelta(minutes=10), "pp", every_s=300, target="10.0.1.18:30080"),
        *checks(START + timedelta(hours=2), "p"),
    ]
    spans = found(lines).coverage_frame()
    assert set(spans["source"]) == {"health_checks"}
    assert [
        (_seconds(a), _seconds(b)) for a, b in spans.select("covered_from", "covered_to").iter_rows()
    ] == [
        (0.0, 900.0),
        (7200.0, 7200.0),
    ]


def test_a_target_that_flaps_makes_a_bounded_number_of_events() -> None:
    lines = checks(START, "pt" * 1800, every_s=5)
    runs = runs_of(lines)
    assert runs.height == 20 * 5
    assert runs["checks"].sum() == 3600
    assert len(events(lines)) < 20 * 5
    assert runs["first_at"].to_list() == sorted(runs["first_at"].to_list())


def test_events_carry_what_the_target_group_s_settings_tell() -> None:
    for settings, column in ((SETTINGS_OF_GROUP, "pod_ip"), ([], "private_ip")):
        (row,) = found(checks(START, "pt"), settings).events_frame().iter_rows(named=True)
        known = (GROUP, "vpc-1") if settings else (None, None)
        assert (row["target_group_arn"], row["vpc_id"]) == known
        assert (row[column], row["target_port"], row["source"]) == ("10.0.1.17", 30080, "health_checks")
        assert (row["source_ref"], row["kind"]) == ("key#2", "target_became_unreachable")
        assert row["detail"] == (
            "10.0.1.17:30080 of web-30080 does not answer (TimedOut) load balancer node 198.51.100.4: 1 check"
        )


def test_two_groups_of_one_name_tell_nothing() -> None:
    other = [{**one, "resource": GROUP.replace("eu-west-1", "us-east-1")} for one in SETTINGS_OF_GROUP]
    (row,) = found(checks(START, "pt"), SETTINGS_OF_GROUP + other).events_frame().iter_rows(named=True)
    assert row["target_group_arn"] is None


def test_without_checks_there_are_empty_tables_of_the_right_shape() -> None:
    nothing = found([])
    assert nothing.events_frame().schema == frame(EVENTS, []).schema
    assert nothing.coverage_frame().schema == frame(COVERAGE, []).schema
    assert nothing.problems == []


def test_more_runs_than_can_be_carried_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_checks, "MOST_RUNS", 3)
    (problem,) = found(checks(START, "ptp")).problems
    assert "more than 3 runs of checks" in problem.what
