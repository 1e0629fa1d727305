"""How probabilities become verdicts: ceilings, notes, sources that nobody collected."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.attribute import run
from pipeline.attribute.verdicts import (
    CEILINGS,
    TRUST,
    TRUST_UNSEEN,
    TRUST_UNWATCHED,
    UPGRADE_NOTE,
    trust,
)
from pipeline.model import Window
from tests.support import small_world

BROKEN_PATH: dict[str, Any] = {
    "errors": [
        {"shape": "closed_midway", "target": 1 + n % 4, "at": 200.0 + 220.0 * n, "path": "/report"}
        for n in range(7)
    ]
}


def test_a_cause_that_the_log_cannot_prove_stays_under_its_ceiling() -> None:
    found = small_world.attribute(BROKEN_PATH)
    assert found["cause"].unique().to_list() == ["malformed_response"]
    assert found["confidence"].to_numpy().max() == pytest.approx(TRUST * CEILINGS["medium"], abs=0.02)
    assert found["confidence"].to_numpy().max() <= TRUST * CEILINGS["medium"]


def test_a_missing_source_never_raises_a_confidence() -> None:
    watched = small_world.attribute(BROKEN_PATH)
    unwatched = small_world.attribute({**BROKEN_PATH, "covered": []})
    assert unwatched["missing_sources"].null_count() == 0
    assert unwatched["confidence"].to_numpy().max() <= TRUST_UNWATCHED
    assert (unwatched["confidence"] <= watched["confidence"]).all()


@pytest.mark.parametrize(
    ("cause", "missing", "most"),
    [
        ("connect_timeout", [], TRUST),
        ("connect_timeout", ["changes"], TRUST_UNWATCHED),
        ("connect_timeout", ["pods", "changes"], TRUST_UNWATCHED),
        ("connect_timeout", ["nodes"], TRUST_UNSEEN),
        ("unexplained", ["changes"], TRUST_UNSEEN),
        ("scale_in", ["nodes"], TRUST_UNWATCHED),
    ],
)
def test_a_verdict_without_an_event_is_worth_less_where_the_log_cannot_tell(
    cause: str, missing: list[str], most: float
) -> None:
    assert trust("connect_timeout", missing, cause) == most


def test_a_failed_upgrade_keeps_its_cause_and_is_named_in_the_evidence() -> None:
    case: dict[str, Any] = {
        "errors": [
            {"shape": "closed_midway", "target": 1, "at": 930.1, "count": 8, "path": "/live"},
            {"shape": "closed_midway", "target": 2, "at": 930.1, "count": 8, "path": "/cart"},
        ],
        "pods": [{"name": "a", "drain": 900, "left": 930}],
        "sockets": [[1, 400, "/live"], [2, 500, "/live"]],
    }
    found = small_world.attribute(case)
    assert found["cause"].unique().to_list() == ["draining_pod"]
    assert found["evidence"].str.ends_with(UPGRADE_NOTE).sum() == 8


def test_verdicts_within_half_an_hour_of_now_or_of_the_end_of_the_timeline_are_provisional() -> None:
    with small_world.attributed(BROKEN_PATH) as engine:
        last = max(engine.table("attributions")["time"].to_list())
        ends = max(engine.table("coverage")["covered_to"].to_list())
        for now in (last + timedelta(minutes=20), ends + timedelta(days=9)):
            run.attribute(engine, Window(), now)
            told = engine.table("attributions")
            settled = min(now, ends) - timedelta(minutes=30)
            assert told["is_provisional"].to_list() == [at > settled for at in told["time"]]
            assert told["is_provisional"].sum() > 0 or now > ends
        run.attribute(engine, Window(), last + timedelta(minutes=20))
        assert engine.table("attributions")["is_provisional"].any()


def test_an_event_without_a_reason_is_a_group_of_its_own_and_no_defect() -> None:
    """Found by a property: its rates had no name, and the run ended."""
    case = {
        "errors": [{"shape": "not_connected", "target": 4, "at": 1497.9, "count": 3}],
        "events": [{"pod": "b", "at": 209.0, "kind": "network_changed", "target": 2}],
    }
    assert small_world.attribute(case).height == 3
