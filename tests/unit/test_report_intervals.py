"""The interval of a cause's errors is the exact one."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pipeline.report.intervals import EXACT_UP_TO, interval

PROBABILITIES = st.lists(st.floats(0, 1), max_size=9)


def enumerated(probabilities: list[float]) -> list[float]:
    """P(0), P(1), … by going through every outcome."""
    mass = [0.0] * (len(probabilities) + 1)
    for outcome in itertools.product((0, 1), repeat=len(probabilities)):
        mass[sum(outcome)] += math.prod(
            p if happened else 1 - p for p, happened in zip(probabilities, outcome, strict=True)
        )
    return mass


@given(PROBABILITIES)
def test_the_interval_holds_at_least_its_level_and_no_end_can_be_dropped(probabilities: list[float]) -> None:
    low, high = interval(probabilities)
    mass = enumerated(probabilities)
    assert sum(mass[:low]) <= 0.025 + 1e-9
    assert sum(mass[high + 1 :]) <= 0.025 + 1e-9
    assert sum(mass[: low + 1]) >= 0.025 - 1e-9
    assert sum(mass[high:]) >= 0.025 - 1e-9


@pytest.mark.parametrize(("n", "p"), [(50, 0.5), (1500, 0.97), (5000, 0.01)])
def test_equal_probabilities_give_the_binomial_interval(n: int, p: float) -> None:
    assert interval([p] * n) == (binom.ppf(0.025, n, p), binom.ppf(0.975, n, p))


def test_no_error_gives_nothing_and_certain_errors_give_their_number() -> None:
    assert interval([]) == (0, 0)
    assert interval([1.0, 1.0, 0.0, 1.0]) == (3, 3)


def test_the_approximation_beyond_the_limit_agrees_with_the_exact_binomial() -> None:
    n = EXACT_UP_TO + 1
    low, high = interval([0.3] * n)
    assert low == pytest.approx(binom.ppf(0.025, n, 0.3), abs=2)
    assert high == pytest.approx(binom.ppf(0.975, n, 0.3), abs=2)


def test_probabilities_outside_the_unit_interval_are_clipped() -> None:
    assert interval([1.0 + 1e-9, -1e-9]) == (1, 1)
