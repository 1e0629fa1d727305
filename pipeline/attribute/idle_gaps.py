"""How well the pauses before immediate closes fit one keep-alive timeout of the server.

A keep-alive race happens on a connection that has idled for the server's timeout T (plus a moment). The
log does not name the connection, only the pair of load balancer node and target; the pair's pause is a
lower bound of the connection's. On a sparse pair the two are equal, on a busy one the pause says
nothing. Per target group, T is unknown: every T is weighed by how well it explains all pauses together,
and each error gets the ratio of its pause under a race to its pause under ordinary traffic.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_ERRORS = 2000
"""More errors than this per target group add nothing to the estimate."""
_LONGEST_TIMEOUT_S = 600.0
_NO_PREDECESSOR = -2.0
"""Log ratio of an error whose pair was silent for over ten minutes: few servers wait that long."""
_NEAR_S = 0.5
"""A pause this near to the timeout is one of its pile."""
_CLEAR_CERTAINTY, _CLEAR_ERRORS = 0.8, 5
"""When a timeout is named to people."""
_EARLIEST_S, _PROMPT_S, _LATE_S = -0.1, 0.4, 1.1
"""A connection is found closed this long around its timeout: promptly (70 %), or late in a busy server."""


@dataclass(frozen=True)
class IdleTimeout:
    """The server's idle timeout as the log shows it, seconds; ``certainty`` is the mass within ±0.5 s."""

    seconds: float
    certainty: float
    errors: int


def fit(errors: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, IdleTimeout]]:
    """Weigh the pauses of all immediate closes.

    Args:
        errors: rows of `gateway_errors`.

    Returns:
        The table `idle_gap_fits` (request_id, log_ratio, sentence) and, per target group, the estimate.
    """
    closes = errors.filter(
        pl.col("failure_class").is_in(["closed_at_once", "not_connected"])
        & pl.col("target_group_arn").is_not_null()
    ).select("request_id", "target_group_arn", "gap_s", "pair_rate", "idle_timeout_s")
    tables = [_EMPTY]
    estimates: dict[str, IdleTimeout] = {}
    for (group,), rows in closes.group_by("target_group_arn", maintain_order=True):
        table, estimate = _fit_group(rows)
        tables.append(table)
        estimates[str(group)] = estimate
    return pl.concat(tables), estimates


_EMPTY = pl.DataFrame(schema={"request_id": pl.String, "log_ratio": pl.Float64, "sentence": pl.String})


def _fit_group(rows: pl.DataFrame) -> tuple[pl.DataFrame, IdleTimeout]:
    paused = rows.filter(pl.col("gap_s").is_not_null())
    gaps = paused["gap_s"].to_numpy().astype(np.float64)
    rates = paused["pair_rate"].to_numpy().astype(np.float64)
    longest = min(float(rows["idle_timeout_s"].to_numpy().max()) + 1.0, _LONGEST_TIMEOUT_S)
    timeouts = np.arange(0.5, max(longest, 1.0), 0.1)
    weights = _timeout_weights(gaps[:_MOST_ERRORS], rates[:_MOST_ERRORS], timeouts)
    mode = float(timeouts[int(np.argmax(weights))])
    near = np.abs(gaps - mode) <= _NEAR_S
    estimate = IdleTimeout(mode, float(weights[np.abs(timeouts - mode) <= _NEAR_S].sum()), int(near.sum()))
    ratios = np.array(
        [
            np.log(float(weights @ _race_density(gap, rate, timeouts)) + 1e-9) - np.log(_ordinary(gap, rate))
            for gap, rate in zip(gaps, rates, strict=True)
        ]
    ).clip(-6.0, 6.0)
    sentence = f"pauses of this target group pile up at {mode:.1f} s, as a server timeout would make them"
    is_clear = estimate.certainty > _CLEAR_CERTAINTY and estimate.errors >= _CLEAR_ERRORS
    fitted = paused.select(
        "request_id",
        pl.Series("log_ratio", ratios, dtype=pl.Float64),
        pl.Series("sentence", [sentence if is_clear and one else None for one in near], dtype=pl.String),
    )
    silent = rows.filter(pl.col("gap_s").is_null()).select(
        "request_id",
        pl.lit(_NO_PREDECESSOR).alias("log_ratio"),
        pl.lit(None, dtype=pl.String).alias("sentence"),
    )
    return pl.concat([fitted, silent]), estimate


def _timeout_weights(gaps: Floats, rates: Floats, timeouts: Floats) -> Floats:
    """Posterior over the timeouts: log-uniform prior, each pause a race (70 %) or ordinary (30 %)."""
    score = -np.log(timeouts)
    for gap, rate in zip(gaps, rates, strict=True):
        score += np.log(0.7 * _race_density(gap, rate, timeouts) + 0.3 * _ordinary(gap, rate))
    weights = np.exp(score - score.max())
    normalised: Floats = weights / weights.sum()
    return normalised


def _race_density(gap: float, rate: float, timeouts: Floats) -> Floats:
    """Density of the pair's pause given a race at each timeout, 1/s.

    The share of races whose pause is the connection's own falls with rate × timeout: 1.0, 0.9, 0.75,
    0.37, 0.01 at 0.1, 0.5, 1.5, 5, 25 (pools simulated in docs/model.md).
    """
    own = np.exp(-rate * timeouts / 5.0)
    after = gap - timeouts
    started = after >= _EARLIEST_S
    prompt = started & (after <= _PROMPT_S)
    late = started & (after <= _LATE_S)
    sharp = 0.7 * prompt / (_PROMPT_S - _EARLIEST_S) + 0.3 * late / (_LATE_S - _EARLIEST_S)
    below = (after <= _LATE_S) * rate * np.exp(-rate * gap) / -np.expm1(-rate * (timeouts + _LATE_S))
    density: Floats = own * sharp + (1.0 - own) * below
    return density


def _ordinary(gap: float, rate: float) -> float:
    """Density of the pause before an ordinary request, 1/s: exponential, with a slower share for lulls."""
    slow = rate / 4.0
    return float(0.75 * rate * np.exp(-rate * gap) + 0.25 * slow * np.exp(-slow * gap)) + 1e-6
