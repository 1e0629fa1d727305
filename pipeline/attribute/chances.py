"""Exact chances by special functions: scipy's distributions say the same, but take half a second to load."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, xlog1py, xlogy

Floats = NDArray[np.float64]


def at_least(hits: int, draws: int, chance: float) -> float:
    """Probability of so many successes or more in independent draws."""
    if hits <= 0:
        return 1.0
    return float(betainc(hits, draws - hits + 1.0, chance)) if hits <= draws else 0.0


def at_most(hits: int, draws: int, chance: float) -> float:
    """Probability of so many successes or fewer in independent draws."""
    return at_least(draws - hits, draws, 1.0 - chance)


def binomial(draws: int, chance: float) -> Floats:
    """Probabilities of 0, 1, … ``draws`` successes."""
    hits = np.arange(draws + 1.0)
    choices = -betaln(hits + 1.0, draws - hits + 1.0) - np.log(draws + 1.0)
    mass: Floats = np.exp(choices + xlogy(hits, chance) + xlog1py(draws - hits, -chance))
    return mass


def false_discovery_rates(chances: Sequence[float]) -> list[float]:
    """Every p-value adjusted for the number of them (Benjamini and Hochberg)."""
    order = np.argsort(chances)
    scaled = np.array(chances)[order] * (len(chances) / np.arange(1, len(chances) + 1))
    adjusted = np.empty(len(chances))
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return [float(rate) for rate in np.minimum(adjusted, 1.0)]
