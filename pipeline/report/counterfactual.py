"""What each remedy would have saved, and would save again: least effort first."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import gammainccinv, gammaincinv

from pipeline.engine import Engine
from pipeline.report.facts import CauseRow

_DEFAULT = ("rollout", 2)
_DIGITS = 3


def remedies(engine: Engine, by_cause: list[CauseRow], requests: int) -> list[dict[str, Any]]:
    """One row per cause that has a remedy, by effort and then by errors saved.

    ``saved`` with ``low`` and ``high`` is about this window: each error's own probability, exact.
    ``next_low`` and ``next_high`` are about another window with as many requests: they also hold
    the chance of how often such events come and how many errors each brings.
    """
    efforts = {cause: (effort, place) for cause, effort, place in engine.frame("report/efforts").iter_rows()}
    fates = engine.frame("report/fates")
    rows = []
    for row in (one for one in by_cause if one.is_decided):
        effort, place = efforts.get(row.cause, _DEFAULT)
        mine = fates.filter(pl.col("cause") == row.cause)
        next_low, next_high = recurrence(mine["errors"].to_numpy(), float(mine["doubt"].sum()))
        rows.append(
            {
                "cause": row.cause,
                "effort": effort,
                "effort_place": place,
                "remedy": row.remedy,
                "saved": round(row.expected_errors, _DIGITS),
                "low": row.low,
                "high": row.high,
                "next_low": round(next_low, _DIGITS),
                "next_high": round(next_high, _DIGITS),
                "per_million": round(1e6 * row.expected_errors / requests, _DIGITS) if requests else None,
            }
        )
    return sorted(rows, key=lambda row: (row["effort_place"], -row["saved"], row["cause"]))


def recurrence(sizes: NDArray[np.float64], doubt: float = 0.0, level: float = 0.95) -> tuple[float, float]:
    """Interval of the expected number of errors if fates of these sizes come at their own rate again.

    A weighted sum of Poisson counts, each seen once: the gamma interval of Fay and Feuer (Statistics in
    Medicine 16, 1997), with the doubt of the verdicts added to its variance.

    Args:
        sizes: errors of each common fate.
        doubt: variance that the verdicts' own probabilities add.
        level: probability that the interval holds at least.
    """
    if not sizes.size:
        return 0.0, 0.0
    tail = (1.0 - level) / 2.0
    total, largest = float(sizes.sum()), float(sizes.max())
    variance = float((sizes**2).sum()) + doubt
    low = float(gammaincinv(total**2 / variance, tail)) * variance / total if total > 0.0 else 0.0
    above, wide = total + largest, variance + largest**2
    high = float(gammainccinv(above**2 / wide, tail)) * wide / above if above > 0.0 else 0.0
    return low, high
