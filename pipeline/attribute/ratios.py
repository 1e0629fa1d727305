"""Rate ratios with exact intervals: of two counts, or of many hours that are each compared with themselves.

Errors and events may both follow the time of day: a ratio of all hours thrown together then finds what is
not there. Mantel and Haenszel's ratio weighs what every hour shows by itself. Its interval and p-value are
exact: given how many incidents an hour has, those inside are binomial, and their sum over the hours is a
Poisson-binomial count (docs/model.md).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaincinv, logsumexp

from pipeline.attribute.chances import binomial

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_WIDEST = 700.0
"""Logarithm of the largest ratio that is told from infinity."""


@dataclass(frozen=True)
class Ratio:
    """Rate ratio inside to outside, with its exact 95 % interval and one-sided p-value.

    Attributes:
        inside: incidents in windows.
        outside: the others.
        exposure_inside: requests in windows.
        exposure_outside: the others.
        ratio: of the rates; NaN where nothing can be compared.
        low: lower end.
        high: upper end; infinite without an incident outside.
        chance: probability of at least so many inside if windows mattered not.
    """

    inside: int
    outside: int
    exposure_inside: float
    exposure_outside: float
    ratio: float
    low: float
    high: float
    chance: float

    @property
    def attributable_fraction(self) -> float:
        """Share of the incidents inside that the rate outside does not explain; 0 where there are fewer."""
        return 1.0 - 1.0 / self.ratio if self.ratio > 1.0 else 0.0


@dataclass(frozen=True)
class Strata:
    """Incidents and requests inside and outside of windows, hour by hour (arrays of one length)."""

    inside: Counts
    outside: Counts
    exposure_inside: Floats
    exposure_outside: Floats

    @property
    def incidents(self) -> Counts:
        """All incidents of each hour."""
        return self.inside + self.outside

    @property
    def share_outside(self) -> Floats:
        """Share of each hour's requests that lie outside."""
        return self.exposure_outside / (self.exposure_inside + self.exposure_outside)

    def telling(self) -> "Strata":
        """The hours that have an incident, and requests on both sides."""
        keep = (self.incidents > 0) & (self.exposure_inside > 0.0) & (self.exposure_outside > 0.0)
        return Strata(
            self.inside[keep], self.outside[keep], self.exposure_inside[keep], self.exposure_outside[keep]
        )

    def chance_inside(self, ratio: float) -> Floats:
        """Probability that an incident of each hour lies inside, if rates have this ratio."""
        weighted = ratio * self.exposure_inside
        return weighted / (weighted + self.exposure_outside)


def interval(
    inside: float, outside: float, exposure_inside: float, exposure_outside: float, level: float = 0.95
) -> tuple[float, float]:
    """Exact interval of one rate ratio (Clopper and Pearson's, given the sum of both counts).

    Counts may be fractions; the upper end is infinite without an incident outside.
    """
    if exposure_inside <= 0.0 or exposure_outside <= 0.0:
        return 0.0, float("inf")
    tail, scale = (1.0 - level) / 2.0, exposure_outside / exposure_inside
    low = float(betaincinv(inside, outside + 1.0, tail)) if inside > 0 else 0.0
    high = float(betaincinv(inside + 1.0, outside, 1.0 - tail)) if outside > 0 else 1.0
    return low / (1.0 - low) * scale, high / (1.0 - high) * scale if high < 1.0 else float("inf")


def stratified(strata: Strata, level: float = 0.95) -> Ratio:
    """One ratio for all hours; those without requests on both sides say nothing.

    The interval is exact for a ratio that all hours share. Where they disagree so much that their average
    lies outside of it, it is widened to hold it.
    """
    told = strata.telling()
    average = mantel_haenszel(told)
    low, high, chance = _exact(told, (1.0 - level) / 2.0)
    return Ratio(
        inside=int(strata.inside.sum()),
        outside=int(strata.outside.sum()),
        exposure_inside=float(strata.exposure_inside.sum()),
        exposure_outside=float(strata.exposure_outside.sum()),
        ratio=average,
        low=float(np.fmin(low, average)),
        high=float(np.fmax(high, average)),
        chance=chance,
    )


def mantel_haenszel(told: Strata) -> float:
    """Mantel and Haenszel's ratio of rates, an average over the hours; NaN without an incident."""
    above = float((told.inside * told.share_outside).sum())
    below = float((told.outside * (1.0 - told.share_outside)).sum())
    if above + below == 0.0:
        return float("nan")
    return above / below if below else float("inf")


def _exact(told: Strata, tail: float) -> tuple[float, float, float]:
    """Both ends of the interval of a common ratio, and the chance of so many inside if it is 1."""
    seen, every = int(told.inside.sum()), int(told.incidents.sum())
    if not every:
        return 0.0, float("inf"), 1.0
    middle = _likeliest(told, seen, every)
    with np.errstate(divide="ignore"):
        weights = np.log(_of_sum(told.incidents, told.chance_inside(float(np.exp(middle)))))
    number = np.arange(every + 1)

    def at_least(step: float) -> float:
        tilted = weights + step * number
        return float(np.exp(logsumexp(tilted[seen:]) - logsumexp(tilted)) - tail)

    def at_most(step: float) -> float:
        tilted = weights + step * number
        return float(np.exp(logsumexp(tilted[: seen + 1]) - logsumexp(tilted)) - tail)

    low = float(np.exp(middle + brentq(at_least, *_around(at_least)))) if seen else 0.0
    high = float(np.exp(middle + brentq(at_most, *_around(at_most)))) if seen < every else float("inf")
    chance = float(_of_sum(told.incidents, told.chance_inside(1.0))[seen:].sum())
    return low, high, min(chance, 1.0)


def _likeliest(told: Strata, seen: int, every: int) -> float:
    """Logarithm of the ratio that expects as many inside as were seen (at the ends: half a one less)."""
    wanted = min(max(float(seen), 0.5), every - 0.5)

    def missing(step: float) -> float:
        return float((told.incidents * told.chance_inside(float(np.exp(step)))).sum()) - wanted

    return float(brentq(missing, *_around(missing)))


def _around(function: Callable[[float], float]) -> tuple[float, float]:
    """Two places around 0 between which the function changes its sign."""
    reach = 1.0
    while function(-reach) * function(reach) > 0.0 and reach < _WIDEST:
        reach *= 2.0
    return -reach, reach


def _of_sum(numbers: Counts, chances: Floats) -> Floats:
    """Probabilities of 0, 1, … successes in all; each stratum has ``numbers`` draws with its chance."""
    mass = np.ones(1)
    for place in np.argsort(numbers, kind="stable"):
        draws = int(numbers[place])
        mass = np.convolve(mass, binomial(draws, float(chances[place])))
    return mass
