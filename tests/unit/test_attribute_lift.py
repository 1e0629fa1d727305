"""Windows, exposures, exact ratios, shifts and placebos."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pipeline.attribute.lift import (
    Place,
    collapsed,
    compare,
    exposure,
    inside,
    merged,
    placebo_chance,
    ratio,
    shifted_chance,
    without,
)

SPAN = 7200.0
spans = st.lists(
    st.tuples(st.floats(-500.0, 8000.0), st.floats(0.5, 600.0)).map(lambda one: (one[0], one[0] + one[1])),
    max_size=12,
).map(lambda rows: np.array(rows, dtype=np.float64).reshape(-1, 2))
instants = st.lists(st.floats(0.0, SPAN), max_size=30).map(
    lambda rows: np.sort(np.array(rows, dtype=np.float64))
)


def covered(windows: np.ndarray, at: float) -> bool:
    return any(opens <= at <= closes for opens, closes in windows)


@given(spans)
def test_merged_windows_are_disjoint_sorted_and_cover_the_same(windows: np.ndarray) -> None:
    joined = merged(windows, SPAN)
    assert (joined[:, 0] < joined[:, 1]).all()
    assert (joined[1:, 0] > joined[:-1, 1]).all()
    for at in np.linspace(0.5, SPAN - 0.5, 97):
        assert covered(joined, at) == covered(windows, at)


@given(spans, instants)
def test_counting_inside_is_what_looking_at_each_gives(windows: np.ndarray, at: np.ndarray) -> None:
    joined = merged(windows, SPAN)
    assert inside(at, joined) == sum(covered(joined, one) for one in at)


@given(spans, spans)
def test_holes_are_taken_out_and_nothing_else(windows: np.ndarray, holes: np.ndarray) -> None:
    whole, out = merged(windows, SPAN), merged(holes, SPAN)
    left = without(whole, out, SPAN)
    minutes = np.ones(int(SPAN / 60.0))
    both = merged(np.concatenate([whole, out]), SPAN)
    expected = exposure(minutes, both) - exposure(minutes, out)
    assert exposure(minutes, left) == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(1.0, 1e6), st.floats(1.0, 1e6))
def test_the_interval_is_that_of_clopper_and_pearson(
    n_in: int, n_out: int, e_in: float, e_out: float
) -> None:
    found = ratio(n_in, n_out, e_in, e_out)
    if n_in + n_out == 0:
        assert (found.low, found.high) == (0.0, float("inf"))
        return
    exact = binomtest(n_in, n_in + n_out).proportion_ci(0.95)
    assert found.low == pytest.approx(exact.low / (1 - exact.low) * e_out / e_in, rel=1e-6, abs=1e-12)
    if n_out:
        assert found.high == pytest.approx(exact.high / (1 - exact.high) * e_out / e_in, rel=1e-6)
    one_sided = binomtest(n_in, n_in + n_out, e_in / (e_in + e_out), alternative="greater").pvalue
    assert found.chance == pytest.approx(one_sided, rel=1e-6, abs=1e-12)


def test_errors_within_two_seconds_are_one_incident() -> None:
    assert collapsed(np.array([10.0, 11.9, 13.8, 20.0, 22.1])).tolist() == [10.0, 20.0, 22.1]
    assert collapsed(np.zeros(0)).size == 0


def stage(incidents: np.ndarray, windows: np.ndarray) -> list[Place]:
    return [Place(merged(windows, SPAN), np.sort(incidents), np.full(int(SPAN / 60.0), 100.0))]


WINDOWS = np.array([[at, at + 60.0] for at in (600.0, 1900.0, 3300.0, 4700.0, 6100.0)])


def test_incidents_that_follow_events_are_lifted_and_survive_no_shift() -> None:
    rng = np.random.default_rng(1)
    near = np.concatenate([opens + rng.uniform(0.0, 50.0, 3) for opens, _ in WINDOWS])
    places = stage(near, WINDOWS)
    assert compare(places).low > 10.0
    assert shifted_chance(places, SPAN) < 0.01


def test_incidents_at_any_time_are_not_lifted() -> None:
    chances, ratios = [], []
    for seed in range(40):
        places = stage(np.random.default_rng(seed).uniform(0.0, SPAN, 30), WINDOWS)
        chances.append(shifted_chance(places, SPAN))
        ratios.append(compare(places).ratio)
    assert 0.35 < float(np.mean(chances)) < 0.9
    assert sum(chance < 0.05 for chance in chances) <= 6
    assert 0.7 < float(np.median(ratios)) < 1.4


def test_the_same_question_gets_the_same_answer() -> None:
    places = stage(np.random.default_rng(2).uniform(0.0, SPAN, 50), WINDOWS)
    assert shifted_chance(places, SPAN) == shifted_chance(places, SPAN)


def test_a_driver_that_lasts_hours_lifts_the_placebo_an_hour_earlier() -> None:
    rng = np.random.default_rng(3)
    span = 10 * 3600.0
    windows = np.array([[at, at + 60.0] for at in np.arange(4.2 * 3600.0, 6.0 * 3600.0, 700.0)])
    minutes = np.full(int(span / 60.0), 100.0)
    everywhere = np.sort(rng.uniform(3.0 * 3600.0, 6.0 * 3600.0, 400))
    shared = {"": Place(windows, everywhere, minutes)}
    chance, lift = placebo_chance(shared, {}, span)
    assert chance < 0.01
    assert lift > 1.5
    exact = {
        "": Place(
            windows, np.sort((windows[:, :1] + rng.uniform(0, 60, (len(windows), 40))).ravel()), minutes
        )
    }
    assert placebo_chance(exact, {}, span)[0] > 0.5


def test_answers_of_the_target_itself_are_a_placebo() -> None:
    answers = {"": np.concatenate([opens + np.arange(0.0, 50.0, 5.0) for opens, _ in WINDOWS])}
    places = {"": stage(np.array([50.0]), WINDOWS)[0]}
    assert placebo_chance(places, answers, SPAN)[0] < 0.01


def test_without_any_traffic_near_events_nothing_is_said() -> None:
    place = Place(merged(WINDOWS, SPAN), np.array([1.0]), np.zeros(int(SPAN / 60.0)))
    found = compare([place])
    assert found.chance == 1.0
    assert (found.low, found.high) == (0.0, float("inf"))
