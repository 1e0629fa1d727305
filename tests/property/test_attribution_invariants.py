"""What must hold for any incident: one verdict per error, whatever the order of inputs and the date."""

import random
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import small_world

SHAPES = sorted(small_world.SHAPES)

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
few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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


def test_an_event_far_away_changes_no_verdict() -> None:
    case = {
        "errors": [{"shape": "closed_midway", "at": 930.2, "targets": [1, 2, 3], "count": 9}],
        "pods": [{"name": "a", "drain": 900, "left": 930}],
        "events": [],
    }
    far = {**case, "events": [{"kind": "container_crashed", "at": 80_000, "pod": "z"}]}
    assert small_world.attribute(case)["cause"].to_list() == small_world.attribute(far)["cause"].to_list()
