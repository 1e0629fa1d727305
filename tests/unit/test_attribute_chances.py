"""Chances by special functions are those of scipy's distributions."""

import numpy as np
import pytest
from scipy.stats import binom, false_discovery_control

from pipeline.attribute.chances import at_least, at_most, binomial, false_discovery_rates

_CHANCES = (0.0, 1e-6, 0.3, 0.999, 1.0)


@pytest.mark.parametrize("chance", _CHANCES)
@pytest.mark.parametrize("draws", [0, 1, 7, 400])
def test_binomial_tails_and_masses_are_exact(draws: int, chance: float) -> None:
    """At the ends too, where no success or no failure is possible."""
    for hits in {-1, 0, draws // 2, draws, draws + 1}:
        assert at_least(hits, draws, chance) == pytest.approx(binom.sf(hits - 1, draws, chance), abs=1e-13)
        assert at_most(hits, draws, chance) == pytest.approx(binom.cdf(hits, draws, chance), abs=1e-13)
    expected = binom.pmf(np.arange(draws + 1), draws, chance)
    assert binomial(draws, chance) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("chances", [[], [0.04], [0.5, 0.01, 0.02, 0.9, 0.01]])
def test_false_discovery_rates_are_benjamini_and_hochberg_s(chances: list[float]) -> None:
    """In the order of what was given; of nothing there are none."""
    expected = false_discovery_control(chances).tolist() if chances else []
    assert false_discovery_rates(chances) == pytest.approx(expected)
