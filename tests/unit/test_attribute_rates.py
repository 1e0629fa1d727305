"""The model on candidates made by hand."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.attribute.causes import Cause, RateKind
from pipeline.attribute.rates import posterior


def cause(name: str, rate: RateKind) -> Cause:
    return Cause(name, name, (502,), rate, (), (), "remedy", "doc")


CAUSES = [
    cause("event", "per_event"),
    cause("background", "steady"),
    cause("episode", "episodic"),
    cause("change", "triggered"),
]


def row(
    request: str | None, name: str, cluster: str, density: float = 1.0, **more: object
) -> dict[str, object]:
    return {
        "request_id": request,
        "cause": name,
        "cluster_id": cluster,
        "rate_group": "g",
        "event_id": None,
        "lag_s": None,
        "exposure": 1.0,
        "support": 0.0,
        "class_share": 1.0,
        "prior_rate": None,
        "prior_weight": None,
        "log_likelihood": None if request is None else float(np.log(density)),
        "evidence": "e",
        "failure_class": None if request is None else "closed_midway",
        **more,
    }


def prior(
    name: str, cluster: str, rate: float, exposure: float = 1.0, weight: float = 0.5
) -> dict[str, object]:
    return row(None, name, cluster, prior_rate=rate, exposure=exposure, prior_weight=weight)


def solve(rows: list[dict[str, object]]) -> dict[tuple[str, str], float]:
    found = posterior(pl.DataFrame(rows, infer_schema_length=None), CAUSES)
    summed = found.group_by("request_id", "cause").agg(pl.col("probability").sum())
    return {(one, name): p for one, name, p in summed.iter_rows()}


def test_a_burst_at_an_event_is_the_events() -> None:
    burst = [f"r{n}" for n in range(10)]
    rows = [prior("event", "e1", 0.3), prior("background", "b", 1e-5, exposure=1e5)]
    rows += [row(one, "event", "e1", 0.3) for one in burst]
    rows += [row(one, "background", "b", 5.0) for one in burst]
    found = solve(rows)
    assert min(found[one, "event"] for one in burst) > 0.99


def test_lone_errors_near_many_harmless_events_are_the_backgrounds() -> None:
    """The base-rate trap: 300 events, each with one error nearby by chance, and 3000 errors elsewhere."""
    rows = [prior("background", "b", 1e-5, exposure=3e5)]
    for number in range(300):
        rows.append(prior("event", f"e{number}", 0.3))
        rows += [
            row(f"near{number}", "event", f"e{number}", 0.02),
            row(f"near{number}", "background", "b", 3.0),
        ]
    rows += [row(f"far{number}", "background", "b", 3.0) for number in range(3000)]
    found = solve(rows)
    blamed = sum(p for (one, name), p in found.items() if name == "event" and one.startswith("near"))
    assert blamed < 0.02 * 3300


def test_a_lone_error_in_a_minute_is_no_episode_and_many_are() -> None:
    rows = [prior("episode", "rest", 1e-7, exposure=1e5), prior("background", "b", 1e-5, exposure=1e5)]
    rows += [row("lone", "episode", "m1", 2.0, exposure=120.0), row("lone", "background", "b", 2.0)]
    many = [f"r{n}" for n in range(25)]
    rows += [row(one, "episode", "m2", 2.0, exposure=120.0) for one in many]
    rows += [row(one, "background", "b", 2.0) for one in many]
    found = solve(rows)
    assert found["lone", "episode"] < 0.1
    assert min(found[one, "episode"] for one in many) > 0.9


def test_an_event_learns_which_classes_it_gives() -> None:
    silent = [f"r{n}" for n in range(12)]
    shared = {"failure_class": "connect_timeout", "class_share": 0.05}
    rows = [prior("event", "e1", 0.3), prior("background", "b", 1e-5, exposure=1e4)]
    rows += [row(one, "event", "e1", 0.02, **shared) for one in silent]
    rows += [row(one, "background", "b", 2.0, failure_class="connect_timeout") for one in silent]
    assert min(solve(rows)[one, "event"] for one in silent) > 0.9


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 8),
            st.sampled_from(["event", "background", "episode"]),
            st.integers(0, 3),
            st.floats(-12.0, 3.0),
        ),
        min_size=1,
        max_size=60,
    ),
    st.randoms(use_true_random=False),
)
def test_probabilities_sum_to_one_and_the_order_of_candidates_changes_nothing(
    drawn: list[tuple[int, str, int, float]], shuffler: object
) -> None:
    rows = [prior(name, "rest", 1e-3, exposure=100.0) for name in ("event", "background", "episode")]
    rows += [
        row(f"r{error}", name, f"{name}{cluster}", float(np.exp(density)), exposure=30.0)
        for error, name, cluster, density in drawn
    ]
    found = solve(rows)
    totals: dict[str, float] = {}
    for (error, _), probability in found.items():
        totals[error] = totals.get(error, 0.0) + probability
    assert all(total == pytest.approx(1.0, abs=1e-9) for total in totals.values())
    shuffled = list(rows)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random as object
    again = solve(shuffled)
    assert {key: pytest.approx(value, abs=1e-6) for key, value in found.items()} == again


def stretch(errors: int, requests: float, odds: float = 0.1) -> dict[tuple[str, str], float]:
    """A stretch of failures that a change may have begun, or that came by itself."""
    names = [f"r{n}" for n in range(errors)]
    rows = [
        prior("change", "c", odds),
        prior("episode", "p", 1e-7, exposure=1e6),
        prior("background", "b", 1e-5, exposure=1e5),
    ]
    for one in names:
        rows += [row(one, "change", "c x", exposure=requests), row(one, "episode", "x", exposure=requests)]
        rows.append(row(one, "background", "b", 0.03))
    return solve(rows)


def test_a_stretch_that_a_change_began_is_the_changes() -> None:
    found = stretch(40, 50.0)
    assert min(p for (_, name), p in found.items() if name == "change") > 0.95


def test_one_failure_among_many_requests_after_a_change_is_not_its_doing() -> None:
    found = stretch(1, 2000.0)
    assert found["r0", "background"] > found["r0", "change"]


def test_a_change_that_seldom_harms_needs_more_failures() -> None:
    assert stretch(2, 4.0, 1e-4)["r0", "change"] < stretch(2, 4.0, 0.3)["r0", "change"]
