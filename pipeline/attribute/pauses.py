"""What pauses the traffic itself makes on a pair of load balancer node and target.

A load balancer that takes its targets in turn asks each of them at regular pauses; one that picks the least
busy asks in bursts. Either makes some pauses frequent that have nothing to do with a timeout. So the control
is taken from ordinary requests: the distribution of the pause, measured in mean pauses of its pair.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_EDGES: Floats = np.concatenate(([0.0], np.geomspace(0.01, 40.0, 26), [np.inf]))
"""Bins of a pause times its pair's rate: wide enough for some hundred pauses."""
_PRIOR_PAUSES = 30.0
"""Weight of the prior (Poisson arrivals with lulls), in pauses."""
_LULL_SHARE, _LULL_LENGTH = 0.25, 4.0
_FLOOR = 1e-6
"""Density per second that any pause has at least."""


@dataclass(frozen=True)
class Pauses:
    """Distribution of ordinary pauses of one target group, in units of its pairs' mean pause.

    Attributes:
        shares: share of the pauses in each bin.
    """

    shares: Floats

    @classmethod
    def of(cls, ordinary: pl.DataFrame) -> "Pauses":
        """From sampled ordinary requests (``gap_s``, ``pair_rate`` per second); none: the prior alone."""
        scaled = (ordinary["gap_s"] * ordinary["pair_rate"]).to_numpy().astype(np.float64)
        counts = np.histogram(scaled, _EDGES)[0] + _PRIOR_PAUSES * _PRIOR_SHARES
        return cls(counts / counts.sum())

    def density(self, gap: float, rate: float) -> float:
        """Density of a pause before an ordinary request of a pair of this rate, 1/s."""
        place = int(np.searchsorted(_EDGES, gap * rate, side="right")) - 1
        # Within a bin the prior's shape, scaled to the bin's share.
        return float(rate * _prior_density(gap * rate) * self.shares[place] / _PRIOR_SHARES[place]) + _FLOOR

    def share_below(self, scaled: Floats) -> Floats:
        """Share of pauses below some, both in mean pauses."""
        return np.asarray(np.interp(scaled, _EDGES[:-1], self._cumulated[:-1]), dtype=np.float64)

    @cached_property
    def _cumulated(self) -> Floats:
        return np.concatenate(([0.0], np.cumsum(self.shares)))


def _prior_share(scaled: Floats) -> Floats:
    """Share of pauses below: exponential, with a slower share for lulls."""
    return (1.0 - _LULL_SHARE) * -np.expm1(-scaled) + _LULL_SHARE * -np.expm1(-scaled / _LULL_LENGTH)


def _prior_density(scaled: float) -> float:
    slow = np.exp(-scaled / _LULL_LENGTH) / _LULL_LENGTH
    return float((1.0 - _LULL_SHARE) * np.exp(-scaled) + _LULL_SHARE * slow)


_PRIOR_SHARES: Floats = np.diff(_prior_share(_EDGES))
"""Share of each bin before any pause is seen."""
