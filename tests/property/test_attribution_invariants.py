"""What must hold for any incident: one verdict per error, whatever the order of inputs and the date."""

import random
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.attribute import causes
from pipeline.attribute.waterfall import TERMS, waterfall
from tests.support import small_world
from tests.support.depth import deep

SHAPES = sorted(small_world.SHAPES)
CAUSES = causes.load()

errors = st.lists(
    st.fixed_dictionaries(
        {
            "shape": st.sampled_from(SHAPES),
            "at": st.floats(70.0, 1700.0),
            "target": st.integers(1, 4),
            "count": st.integers(1, 6),
        }
    ),
    min_size=1,
    max_size=8,
)
cases = st.fixed_dictionaries(
    {
        "errors": errors,
        "target_type": st.sampled_from(["instance", "ip"]),
        "nodes": st.lists(
            st.fixed_dictionaries({"target": st.integers(1, 4), "left": st.floats(300.0, 1500.0)}),
            max_size=2,
            unique_by=lambda node: node["target"],
        ),
        "pods": st.lists(
            st.builds(
                lambda name, drain, target: {
                    "name": name,
                    "drain": drain,
                    "left": drain + 30.0,
                    "target": target,
                },
                st.sampled_from("abcd"),
                st.floats(100.0, 1500.0),
                st.integers(1, 4),
            ),
            max_size=3,
            unique_by=lambda pod: pod["name"],
        ),
        "events": st.lists(
            st.fixed_dictionaries(
                {
                    "kind": st.sampled_from(
                        ["container_crashed", "target_deregistered", "network_changed", "routing_changed"]
                    ),
                    "at": st.floats(100.0, 1500.0),
                    "target": st.integers(1, 4),
                    "pod": st.sampled_from("abcd"),
                }
            ),
            max_size=3,
        ),
        "rate": st.just(0.2),
    }
)
MARGIN = 0.05
few = settings(max_examples=deep(6, 24), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(cases)
def test_every_gateway_error_gets_exactly_one_verdict_with_a_probability(case: dict[str, Any]) -> None:
    found = small_world.attribute(case)
    assert found.height == sum(one["count"] for one in case["errors"])
    assert found["request_id"].n_unique() == found.height
    assert found["confidence"].is_between(0.0, 1.0 + 1e-9).all()
    assert (found["confidence"] >= found["runner_up_confidence"].fill_null(0.0) - 1e-9).all()
    assert found.select("cause", "remedy", "evidence").null_count().sum_horizontal().item() == 0


@few
@given(cases, st.integers(0, 1000))
def test_the_order_of_lines_and_events_changes_nothing(case: dict[str, Any], seed: int) -> None:
    usual = small_world.attribute(case)
    shuffled = small_world.attribute(case, order=random.Random(seed))  # noqa: S311 - a test's shuffle
    same = ["request_id", "cause", "event_id"]
    assert usual.select(same).equals(shuffled.select(same))
    assert (usual["confidence"] - shuffled["confidence"]).abs().max() == pytest.approx(0.0, abs=1e-3)


@few
@given(cases, st.integers(1, 400))
def test_a_shift_of_all_times_by_whole_minutes_shifts_only_times(case: dict[str, Any], hours: int) -> None:
    shift = timedelta(hours=hours)
    usual = small_world.attribute(case)
    later = small_world.attribute(case, start=small_world.START + shift)
    back = later.with_columns(pl.col("time") - shift)
    same = ["time", "cause", "runner_up", "event_id", "lag_s", "evidence"]
    assert usual.select(same).equals(back.select(same))
    assert (usual["confidence"] - back["confidence"]).abs().max() == pytest.approx(0.0, abs=1e-6)


unrelated_events = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["scaling_decided", "instance_launched", "pod_scheduled", "other"]),
            "at": st.floats(80_000.0, 86_000.0),
            "target": st.integers(5, 9),
        }
    ),
    min_size=1,
    max_size=3,
)


@few
@given(cases, unrelated_events)
def test_events_that_no_cause_acts_through_change_nothing(
    case: dict[str, Any], unrelated: list[dict[str, Any]]
) -> None:
    usual = small_world.attribute(case)
    more = small_world.attribute({**case, "events": [*case["events"], *unrelated]})
    same = ["request_id", "cause", "runner_up", "event_id", "evidence"]
    assert usual.select(same).equals(more.select(same))
    for name in ("confidence", "runner_up_confidence"):
        moved = (usual[name].fill_null(0.0) - more[name].fill_null(0.0)).abs()
        assert moved.max() == pytest.approx(0.0, abs=1e-6)


far_events = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(
                ["container_crashed", "target_deregistered", "spot_interrupted", "setting_changed", "other"]
            ),
            "at": st.floats(80_000.0, 86_000.0),
            "target": st.integers(5, 9),
            "pod": st.sampled_from("xyz"),
        }
    ),
    min_size=1,
    max_size=3,
)


@few
@given(cases, far_events)
def test_events_far_away_on_others_change_no_verdict(case: dict[str, Any], far: list[dict[str, Any]]) -> None:
    """A day later, on other targets and pods; only a verdict that was open to within 0.05 may turn.

    Harmless events lower the rate of their kind: that is what it is learnt from, so a little may move.
    """
    usual = small_world.attribute(case)
    more = small_world.attribute({**case, "events": [*case["events"], *far]})
    clear = usual["confidence"] - usual["runner_up_confidence"].fill_null(0.0) > MARGIN
    assert usual.filter(clear)["cause"].to_list() == more.filter(clear)["cause"].to_list()
    moved = (usual["confidence"] - more["confidence"]).abs().filter(clear)
    assert (moved <= MARGIN).all()


@few
@given(cases)
def test_the_told_terms_add_up_to_the_published_confidence(case: dict[str, Any]) -> None:
    with small_world.attributed(case) as engine:
        verdicts, candidates = engine.table("attributions"), engine.table("candidates")
    for verdict in verdicts.iter_rows(named=True):
        mine = candidates.filter(pl.col("request_id") == verdict["request_id"])
        told = waterfall(mine, verdict["failure_class"], verdict["missing_sources"], CAUSES)
        summed = told.select(pl.sum_horizontal(TERMS) - pl.col("log_total")).to_series().exp()
        assert summed.sum() == pytest.approx(1.0, abs=1e-9)
        assert (summed - told["probability"]).abs().max() == pytest.approx(0.0, abs=1e-9)
        assert (mine["probability"].sort() - told["probability"].sort()).abs().max() == pytest.approx(
            0.0, abs=1e-6
        )
        by_cause = told.group_by("cause").agg(pl.col("confidence").sum()).sort("confidence", descending=True)
        assert by_cause["confidence"][0] == pytest.approx(verdict["confidence"], abs=1e-6)
        if verdict["runner_up"]:
            runner_up = by_cause.filter(pl.col("cause") == verdict["runner_up"])["confidence"].item()
            assert runner_up == pytest.approx(verdict["runner_up_confidence"], abs=1e-6)
