"""How many of the errors a cause really made, given each error's own probability.

The number is a sum of independent yes-or-no draws with unequal probabilities: Poisson-binomial. Its
distribution is the convolution of the draws' own, taken pairwise by FFT, so it is exact (to about
1e-12) and costs n log² n. Errors of one event share their fate, so read the interval as the doubt
within the verdicts, not as the doubt about the model.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri

EXACT_UP_TO = 20_000
"""Draws beyond which the normal approximation (with continuity correction) is within a unit."""

_FFT_PAYS_FROM = 64

Reals = NDArray[np.float64]


def interval(probabilities: Sequence[float], level: float = 0.95) -> tuple[int, int]:
    """Central interval of the number of successes.

    Args:
        probabilities: one per draw; values outside [0, 1] are clipped.
        level: probability that the interval holds at least.

    Returns:
        (low, high), whole numbers in [0, number of draws].
    """
    draws = np.clip(np.asarray(probabilities, dtype=np.float64), 0.0, 1.0)
    tail = (1.0 - level) / 2.0
    return _exact(draws, tail) if draws.size <= EXACT_UP_TO else _normal(draws, tail)


def _exact(draws: Reals, tail: float) -> tuple[int, int]:
    doubtful = draws[(draws > 0.0) & (draws < 1.0)]
    certain = int((draws == 1.0).sum())
    up_to = np.cumsum(_distribution(doubtful))
    low = int(np.searchsorted(up_to, tail, side="right"))
    high = int(np.searchsorted(up_to, 1.0 - tail - 1e-12, side="left"))
    return certain + low, certain + min(high, doubtful.size)


def _distribution(draws: Reals) -> Reals:
    """Probabilities of 0, 1, …, n successes."""
    parts: list[Reals] = [np.array([1.0 - p, p]) for p in draws] or [np.array([1.0])]
    while len(parts) > 1:
        paired = [_convolved(parts[i], parts[i + 1]) for i in range(0, len(parts) - 1, 2)]
        parts = paired + parts[len(paired) * 2 :]
    return parts[0]


def _convolved(one: Reals, other: Reals) -> Reals:
    if one.size < _FFT_PAYS_FROM:
        return np.clip(np.convolve(one, other), 0.0, None)
    # As scipy.signal's fftconvolve does it, which takes a second to load.
    size = one.size + other.size - 1
    length = next_fast_len(size, real=True)
    found = irfft(rfft(one, length) * rfft(other, length), length)[:size]
    return np.clip(np.asarray(found, dtype=np.float64), 0.0, None)


def _normal(draws: Reals, tail: float) -> tuple[int, int]:
    mean = float(draws.sum())
    reach = -float(ndtri(tail)) * float(np.sqrt((draws * (1.0 - draws)).sum())) + 0.5
    low = max(0, int(np.floor(mean - reach)))
    return low, min(int(draws.size), int(np.ceil(mean + reach)))
