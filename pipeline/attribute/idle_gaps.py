"""How well the pauses before immediate closes fit one keep-alive timeout of the server.

A keep-alive race happens on a connection that has idled for the server's timeout T (plus a moment). The
log does not name the connection, only the pair of load balancer node and target; the pair's pause is a
lower bound of the connection's. On a sparse pair the two are equal, on a busy one the pause says
nothing. Per target group, T is unknown: every T is weighed by how well it explains all pauses together
and by how often pairs as busy as these would race at it, against the alternative that nothing races and
pauses are those of ordinary traffic (`pauses`, measured in the same target group). Each error then gets
the ratio of its pause under a race to its pause under ordinary traffic, times the odds that the group
races at all.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.attribute.pauses import Floats, Pauses

_MOST_ERRORS = 2000
"""More errors than this per target group add nothing to the estimate."""
_LONGEST_TIMEOUT_S = 600.0
_NO_PREDECESSOR = -2.0
"""Log ratio of an error whose pair was silent for over ten minutes: few servers wait that long."""
_NEAR_S = 0.5
"""A pause this near to the timeout is one of its pile."""
_CLEAR_CERTAINTY, _CLEAR_ERRORS = 0.8, 5
"""When a pile is named to people."""
_PILED = "pauses of this target group pile up there, as a server timeout would make them"
"""Said after the error's own pause. The timeout itself is stated once, with its interval, by `keepalive`: the
mode here lies a few tenths below the pile, because a close may come that much later."""
_EARLIEST_S, _PROMPT_S, _LATE_S = -0.1, 0.4, 1.1
"""A connection is found closed this long around its timeout: promptly (70 %), or late in a busy server."""
_RACE_SHARE = 0.7
"""Share of races among the immediate closes of a group that races."""
_WINDOW_S = 0.005
"""Seconds for which a closing connection can still be used: flight of the FIN and a busy event loop."""
_WINDOW_SPREAD = 2.0
"""Windows differ more than tenfold between servers: log-normal, with this standard deviation in nats. A rate
that asks for a window of seconds refutes a timeout, one ten times too high does not."""
_UNUSED_SPREAD = 4.0
"""The same where fewer races came than expected: servers may close politely, or answer meanwhile."""
_PRIOR_ODDS = 4.0
"""Immediate closes are races four times in five, before any pause is seen."""
_LEAST_SHARE = 1e-6
_MOMENT_S = 30
"""Closes of one target group within so many seconds may have one cause in common."""
_CLASSES = ("closed_at_once", "not_connected")
"""What a race looks like; pauses of late closes (`closed_midway`) are judged by what these teach."""


@dataclass(frozen=True)
class IdleTimeout:
    """The server's idle timeout as the log shows it.

    Attributes:
        seconds: the most probable timeout.
        certainty: probability within ±0.5 s of it, given that the group races.
        errors: pauses within ±0.5 s of it.
        racing: probability that the group races at all.
    """

    seconds: float
    certainty: float
    errors: int
    racing: float


@dataclass(frozen=True)
class _Weights:
    """Candidate timeouts (s), their posterior weights, and the probability that the group races."""

    timeouts: Floats
    share: Floats
    racing: float


def fit(
    errors: pl.DataFrame, pair_rates: pl.DataFrame, ordinary: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, dict[str, IdleTimeout]]:
    """Weigh the pauses of all closed connections.

    Args:
        errors: rows of `gateway_errors`.
        pair_rates: rows of `pair_rates` (``target_group_arn``, ``requests``, ``rate`` per second).
        ordinary: rows of `ordinary_gaps` (``target_group_arn``, ``gap_s``, ``pair_rate``); without them
            arrivals are taken to be random.

    Returns:
        The table `idle_gap_fits` (request_id, log_ratio, racing, sentence), and the estimate by target group.
    """
    closes = errors.filter(
        pl.col("failure_class").is_in([*_CLASSES, "closed_midway"]) & pl.col("target_group_arn").is_not_null()
    ).select(
        "request_id",
        "failure_class",
        "failed_at",
        "target_group_arn",
        "target_ip",
        "gap_s",
        "pair_rate",
        "idle_timeout_s",
    )
    tables = [_EMPTY]
    estimates: dict[str, IdleTimeout] = {}
    for (group,), rows in closes.group_by("target_group_arn", maintain_order=True):
        pairs = pair_rates.filter(pl.col("target_group_arn") == group)
        pauses = _NO_PAUSES if ordinary is None else ordinary
        usual = Pauses.of(pauses.filter(pl.col("target_group_arn") == group))
        table, estimate = _fit_group(rows, pairs, usual)
        tables.append(table)
        estimates[str(group)] = estimate
    return pl.concat(tables), estimates


_EMPTY = pl.DataFrame(
    schema={"request_id": pl.String, "log_ratio": pl.Float64, "racing": pl.Float64, "sentence": pl.String}
)

_NO_PAUSES = pl.DataFrame(
    schema={"target_group_arn": pl.String, "gap_s": pl.Float64, "pair_rate": pl.Float64}
)


def _fit_group(rows: pl.DataFrame, pairs: pl.DataFrame, usual: Pauses) -> tuple[pl.DataFrame, IdleTimeout]:
    paused = rows.filter(pl.col("gap_s").is_not_null()).sort("request_id")
    gaps, rates = _floats(paused["gap_s"]), _floats(paused["pair_rate"])
    telling = _telling(paused)
    longest = min(float(_floats(rows["idle_timeout_s"]).max()) + 1.0, _LONGEST_TIMEOUT_S)
    timeouts = np.arange(0.5, max(longest, 1.0), 0.1)
    rarity = _rarity(telling.height, pairs, timeouts)
    weights = _weigh(_floats(telling["gap_s"]), _floats(telling["pair_rate"]), timeouts, rarity, usual)
    mode = float(timeouts[int(np.argmax(weights.share))])
    near = np.abs(gaps - mode) <= _NEAR_S
    certainty = float(weights.share[np.abs(timeouts - mode) <= _NEAR_S].sum())
    estimate = IdleTimeout(mode, certainty, int(near.sum()), weights.racing)
    is_clear = certainty > _CLEAR_CERTAINTY and estimate.errors >= _CLEAR_ERRORS
    odds = np.log(max(weights.racing, _LEAST_SHARE))
    fitted = paused.select(
        "request_id",
        pl.Series("log_ratio", odds + _log_ratios(gaps, rates, weights, usual), dtype=pl.Float64),
        pl.lit(weights.racing).alias("racing"),
        pl.Series("sentence", [_PILED if is_clear and one else None for one in near], dtype=pl.String),
    )
    silent = rows.filter(pl.col("gap_s").is_null()).select(
        "request_id",
        pl.lit(odds + _NO_PREDECESSOR).alias("log_ratio"),
        pl.lit(weights.racing).alias("racing"),
        pl.lit(None, dtype=pl.String).alias("sentence"),
    )
    return pl.concat([fitted, silent]), estimate


def _telling(paused: pl.DataFrame) -> pl.DataFrame:
    """Immediate closes, one a moment: a burst has one cause, on whichever targets, and teaches one pause."""
    moment = (pl.col("failed_at").dt.epoch("s") // _MOMENT_S).alias("moment")
    return (
        paused.filter(pl.col("failure_class").is_in(_CLASSES))
        .sort("failed_at", "request_id")
        .with_columns(moment)
        .unique("moment", keep="first", maintain_order=True)
        .head(_MOST_ERRORS)
    )


def _floats(values: pl.Series) -> Floats:
    return values.to_numpy().astype(np.float64)


def _weigh(gaps: Floats, rates: Floats, timeouts: Floats, rarity: Floats, usual: Pauses) -> _Weights:
    """Posterior over the timeouts (log-uniform prior), and of racing against not racing."""
    prior = 1.0 / timeouts
    score = np.log(prior / prior.sum()) + rarity
    for gap, rate in zip(gaps, rates, strict=True):
        ordinary = usual.density(gap, rate)
        ratio = _race_density(gap, rate, timeouts, usual, ordinary) / ordinary
        score += np.log(_RACE_SHARE * ratio + 1.0 - _RACE_SHARE)
    best = float(score.max())
    weights = np.exp(score - best)
    log_odds = np.log(_PRIOR_ODDS) + best + np.log(weights.sum())
    return _Weights(
        timeouts, weights / weights.sum(), float(1.0 / (1.0 + np.exp(-np.clip(log_odds, -50, 50))))
    )


def _rarity(errors: int, pairs: pl.DataFrame, timeouts: Floats) -> Floats:
    """How unlikely so many races are at each timeout, in nats.

    A pair of rate λ races at most window / (e·T) of its requests, at λ = 1/T; fewer when it is busier,
    because its connections hardly idle.
    """
    requests = _floats(pairs["requests"])
    busy = np.outer(_floats(pairs["rate"]), timeouts)
    idling = np.maximum(busy * np.exp(1.0 - busy), 0.3 * np.exp(-busy / 10.0) * np.minimum(busy, 1.0))
    expected = (requests[:, None] * idling).sum(axis=0) * _WINDOW_S / (np.e * timeouts) + 1e-6
    asked = np.log(max(errors, 0.5) / expected)
    spread = np.where(asked > 0.0, _WINDOW_SPREAD, _UNUSED_SPREAD)
    penalty: Floats = -0.5 * (asked / spread) ** 2
    return penalty


def _log_ratios(gaps: Floats, rates: Floats, weights: _Weights, usual: Pauses) -> Floats:
    ratios = [
        float(weights.share @ _race_density(gap, rate, weights.timeouts, usual, ordinary)) / ordinary
        for gap, rate in zip(gaps, rates, strict=True)
        for ordinary in [usual.density(gap, rate)]
    ]
    return np.log(np.array(ratios) + 1e-9).clip(-6.0, 6.0)


def _race_density(gap: float, rate: float, timeouts: Floats, usual: Pauses, ordinary: float) -> Floats:
    """Density of the pair's pause given a race at each timeout, 1/s; ``ordinary``: without one.

    The share of races whose pause is the connection's own falls with rate × timeout: 1.0, 0.9, 0.75,
    0.37, 0.01 at 0.1, 0.5, 1.5, 5, 25 (simulated pools, docs/model.md).
    """
    own = np.exp(-rate * timeouts / 5.0)
    after = gap - timeouts
    started = after >= _EARLIEST_S
    prompt = started & (after <= _PROMPT_S)
    late = started & (after <= _LATE_S)
    sharp = 0.7 * prompt / (_PROMPT_S - _EARLIEST_S) + 0.3 * late / (_LATE_S - _EARLIEST_S)
    below = (after <= _LATE_S) * ordinary / usual.share_below(rate * (timeouts + _LATE_S))
    density: Floats = own * sharp + (1.0 - own) * below
    return density
