"""Errors shared out between causes, and whether errors come when a mechanism says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.attribute.attributable import shared_out
from pipeline.attribute.lift import Place
from pipeline.attribute.shape import shape_of

shapes = st.tuples(st.integers(1, 5), st.integers(0, 40))


@given(st.data(), shapes)
def test_no_error_is_accounted_for_twice(data: st.DataObject, shape: tuple[int, int]) -> None:
    fractions = data.draw(arrays.arrays(np.float64, shape[0], elements=st.floats(0.0, 1.0)))
    near = data.draw(arrays.arrays(np.bool_, shape))
    found = shared_out(fractions, near)
    assert found.sum() <= near.any(axis=0).sum() + 1e-9
    assert (found >= 0.0).all()
    assert (found <= fractions * near.sum(axis=1) + 1e-9).all()


def test_one_cause_gets_its_fraction_and_two_that_explain_all_get_half_each() -> None:
    assert shared_out(np.array([0.75]), np.ones((1, 8), dtype=np.bool_)) == pytest.approx([6.0])
    both = np.array([[True, True, False, False], [True, True, True, False]])
    assert shared_out(np.array([1.0, 1.0]), both) == pytest.approx([1.0, 2.0])
    assert shared_out(np.array([0.4, 0.5]), both) == pytest.approx([0.8, 1.5])


STARTS = np.arange(500.0, 7000.0, 500.0)
MINUTES = np.full(120, 50.0)
WINDOWS, CORES = np.column_stack([STARTS, STARTS + 100.0]), np.column_stack([STARTS, STARTS + 20.0])


def judged(lags: np.ndarray, fraction: float = 0.9) -> str:
    incidents = np.sort(np.resize(STARTS, lags.size) + lags)
    found = shape_of([Place(WINDOWS, incidents, MINUTES)], [CORES], fraction)
    assert found is not None
    assert found.share == pytest.approx(0.2)
    assert found.near == lags.size
    return found.verdict


def test_errors_at_once_are_as_told_and_late_ones_are_elsewhere() -> None:
    rng = np.random.default_rng(1)
    assert judged(rng.uniform(0.0, 20.0, 12)) == "as_told"
    assert judged(rng.uniform(30.0, 100.0, 25)) == "elsewhere"
    assert judged(rng.uniform(30.0, 100.0, 3)) == "unclear"


def test_errors_that_only_happen_to_be_near_are_seldom_called_anything() -> None:
    rng = np.random.default_rng(2)
    verdicts = [judged(rng.uniform(0.0, 100.0, 30), fraction=0.0) for _ in range(300)]
    assert verdicts.count("as_told") <= 9
    assert "elsewhere" not in verdicts


def test_errors_of_the_mechanism_are_seldom_called_elsewhere() -> None:
    rng = np.random.default_rng(3)
    verdicts = []
    for _ in range(300):
        in_core = rng.random(30) < 0.5
        verdicts.append(judged(np.where(in_core, rng.uniform(0, 20, 30), rng.uniform(20, 100, 30)), 1.0))
    assert verdicts.count("elsewhere") <= 6
    assert verdicts.count("as_told") > 240


def test_without_requests_near_an_event_there_is_no_shape() -> None:
    assert shape_of([Place(WINDOWS, STARTS, np.zeros(120))], [CORES], 1.0) is None
