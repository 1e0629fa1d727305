"""Windows, exposures, hours, shifts and placebos."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.attribute.lift import (
    Place,
    collapsed,
    compare,
    exposures,
    is_inside,
    merged,
    placebo_chance,
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
    assert is_inside(at, joined).sum() == sum(covered(joined, one) for one in at)


@given(spans, spans)
def test_holes_are_taken_out_and_nothing_else(windows: np.ndarray, holes: np.ndarray) -> None:
    whole, out = merged(windows, SPAN), merged(holes, SPAN)
    left = without(whole, out, SPAN)
    minutes = np.ones(int(SPAN / 60.0))
    both = merged(np.concatenate([whole, out]), SPAN)
    expected = exposures(minutes, both) - exposures(minutes, out)
    assert exposures(minutes, left) == pytest.approx(expected, abs=1e-6)


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


def test_a_driver_of_every_hour_lifts_the_placebo_an_hour_earlier() -> None:
    """A job at ten past makes errors, and deploys come at that time: the hour before shows them too."""
    rng = np.random.default_rng(3)
    span = 20 * 3600.0
    windows = np.array([[3600.0 * hour + 700.0, 3600.0 * hour + 760.0] for hour in range(1, 20, 2)])
    minutes = np.full(int(span / 60.0), 100.0)
    job = np.concatenate([3600.0 * hour + rng.uniform(600.0, 1200.0, 40) for hour in range(20)])
    shared = {"": Place(windows, np.sort(job), minutes)}
    assert compare([shared[""]]).chance < 0.01
    chance, lift = placebo_chance(shared, {}, span)
    assert chance < 0.01
    assert lift > 1.5
    exact = {
        "": Place(
            windows, np.sort((windows[:, :1] + rng.uniform(0, 60, (len(windows), 40))).ravel()), minutes
        )
    }
    assert placebo_chance(exact, {}, span)[0] > 0.5


def test_a_driver_that_lasts_hours_lifts_nothing_within_them() -> None:
    rng = np.random.default_rng(3)
    windows = np.array([[at, at + 60.0] for at in np.arange(4.2 * 3600.0, 6.0 * 3600.0, 700.0)])
    everywhere = np.sort(rng.uniform(3.0 * 3600.0, 6.0 * 3600.0, 400))
    assert compare([Place(windows, everywhere, np.full(600, 100.0))]).chance > 0.01


def test_answers_of_the_target_itself_are_a_placebo() -> None:
    answers = {"": np.concatenate([opens + np.arange(0.0, 50.0, 5.0) for opens, _ in WINDOWS])}
    places = {"": stage(np.array([50.0]), WINDOWS)[0]}
    assert placebo_chance(places, answers, SPAN)[0] < 0.01


def test_without_any_traffic_near_events_nothing_is_said() -> None:
    place = Place(merged(WINDOWS, SPAN), np.array([1.0]), np.zeros(int(SPAN / 60.0)))
    found = compare([place])
    assert found.chance == 1.0
    assert (found.low, found.high) == (0.0, float("inf"))


def test_an_hour_with_more_traffic_and_more_errors_lifts_nothing_by_itself() -> None:
    """A rush hour: three times the error rate, and all deploys; within it they change nothing."""
    rng = np.random.default_rng(4)
    span, rush = 6 * 3600.0, (2 * 3600.0, 3 * 3600.0)
    windows = np.array([[at, at + 120.0] for at in np.arange(rush[0] + 100.0, rush[1] - 200.0, 400.0)])
    minutes = np.full(360, 100.0)
    held = lifted = 0
    for _ in range(60):
        quiet = rng.uniform(0.0, span, rng.poisson(100))
        busy = rng.uniform(*rush, rng.poisson(60))
        found = compare([Place(windows, np.sort(np.concatenate([quiet, busy])), minutes)])
        crude = (found.inside / found.exposure_inside) / (found.outside / found.exposure_outside)
        held += found.low <= 1.0 <= found.high
        lifted += crude > 2.0
    assert lifted > 50
    assert held >= 55


def test_places_of_different_length_and_incidents_at_the_edges_are_counted_once() -> None:
    places = [
        Place(np.array([[0.0, 60.0]]), np.array([-5.0, 0.0, 59.0, 4000.0]), np.full(70, 10.0)),
        Place(np.zeros((0, 2)), np.array([10.0]), np.full(61, 10.0)),
    ]
    found = compare(places)
    assert (found.inside, found.outside) == (2, 3)
    assert found.exposure_inside == pytest.approx(10.0)
    assert found.exposure_outside == pytest.approx(1300.0)
    assert compare([]).chance == 1.0
