"""The server's keep-alive idle timeout of each target group, inferred from the log alone.

A server that closes idle connections after T seconds makes requests fail on connections that have idled
for T: the hazard of a 502, errors per request, against the pause on the pair of load balancer node and
target, has a pile at T and nothing beyond. What the pauses of ordinary requests look like does not
matter, because every pause is compared with how many requests had it. Bins are tenths of a second.

Given that E errors happened, the pauses they have are a mixture of three kinds, each in proportion to
the requests with that pause: any pause (something else closes connections), a pause below T (a pool holds
connections that idled longer than their pair), and the pile at T. T is the timeout of highest likelihood,
its interval holds every T whose likelihood is within the usual 1.92 nats. It is stated only when a scan
over all windows, exact and corrected for their number, finds the pile, when the hazard falls on both of
its sides, and when enough errors lie in it. Otherwise the reason is given instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.attribute.chances import at_least
from pipeline.engine import Engine
from pipeline.model import KEEPALIVE_ESTIMATES, KEEPALIVE_HAZARD, Window

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

LEAST_ERRORS = 5
"""Errors in the pile below which no timeout is stated."""
_SCAN_LEVEL = 1e-3
"""Chance that a group without any pile shows one as clear, over all windows together."""
_SIDE_LEVEL = 0.01
"""The same for the fall of the hazard below and beyond the pile, each."""
_RISE = 5.0
"""The hazard in the pile is at least so many times that beside it."""
_FIRST, _BEFORE, _AFTER, _LATE = 5, 1, 5, 11
"""Tenths: the shortest timeout; the pile runs from 0.1 s before it to 0.5 s after, late closes to 1.1 s."""
_KERNEL: Floats = np.array([0.3, 0.3, *[0.0625] * 4, *[0.025] * 6])
"""How errors of one timeout scatter over its tenths, from the one before it: timers tick, loops are busy."""
_ROUNDS = 60
_HALF_WIDTH_NATS = 1.92
"""Half the 95 % quantile of a chi-square with one degree of freedom."""
_RESOLUTION_S = 0.1
"""Round trips, slow clients and coarse timers move a pause by up to this: no interval is narrower."""
_BUSY_PER_S = 1.0
"""Requests per second and pair from which pauses are too short to tell of common timeouts."""
_MULTIPLEXED = ("HTTP2", "GRPC")


@dataclass(frozen=True)
class Estimate:
    """What the pauses of one target group say.

    Attributes:
        reason: why no timeout is stated; empty when one is.
        timeout_s: the most likely timeout; NaN when none is stated.
        low: lower end of its 95 % interval.
        high: upper end.
        in_pile: errors at the timeout.
        hazard_ratio: errors per request at the timeout, over those beside it.
    """

    reason: str
    timeout_s: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    in_pile: int = 0
    hazard_ratio: float = float("nan")


def infer(engine: Engine, window: Window) -> None:
    """Keep the tables `keepalive_estimates` and `keepalive_hazard` in the engine.

    Needs `candidates`, `bursts`, `gateway_errors`, `pair_rates` and `requests`.
    """
    values = {"since": window.since, "until": window.until}
    engine.keep("server_timeouts", "intermediate/server_timeouts")
    for name in ("closing_groups", "paused_pairs", "pauses", "paused_errors"):
        engine.keep(name, f"intermediate/{name}", values)
    pauses, errors = engine.table("pauses"), engine.table("paused_errors")
    hazards = _hazards(pauses, errors)
    by_group = hazards.partition_by("target_group_arn", as_dict=True)
    rows = [
        _row(group, by_group.get((group["target_group_arn"],), hazards.clear()))
        for group in engine.table("closing_groups").sort("target_group_arn").iter_rows(named=True)
    ]
    named = [row | _names(row, engine.table("server_timeouts")) for row in rows]
    engine.attach(KEEPALIVE_HAZARD.name, hazards.to_arrow().cast(KEEPALIVE_HAZARD.schema))
    engine.attach(
        KEEPALIVE_ESTIMATES.name,
        pl.DataFrame(named, schema=pl.DataFrame(KEEPALIVE_ESTIMATES.empty()).schema, orient="row"),
    )


def _hazards(pauses: pl.DataFrame, errors: pl.DataFrame) -> pl.DataFrame:
    """Errors and requests by target group and tenth of a second; an error is a request too."""
    counted = errors.group_by("target_group_arn", "tenth").agg(pl.len().cast(pl.Int64).alias("errors"))
    joined = pauses.join(counted, on=["target_group_arn", "tenth"], how="full", coalesce=True)
    return (
        joined.with_columns(pl.col("requests", "errors").fill_null(0))
        .with_columns(pl.max_horizontal("requests", "errors").alias("requests"))
        .sort("target_group_arn", "tenth")
        .select("target_group_arn", (pl.col("tenth") / 10.0).alias("pause_s"), "requests", "errors")
    )


def _row(group: Mapping[str, object], hazard: pl.DataFrame) -> dict[str, object]:
    idle_timeout_s = float(str(group["idle_timeout_s"]))
    closes = int(str(group["closes"]))
    found = estimate(
        (hazard["pause_s"] * 10.0).round().cast(pl.Int64).to_numpy(),
        hazard["requests"].to_numpy(),
        hazard["errors"].to_numpy(),
        mean_pair_rate=float(str(group["mean_pair_rate"] or 0.0)),
    )
    if closes < LEAST_ERRORS:
        found = Estimate(
            f"too few errors: {closes} of its connections were found closed; {LEAST_ERRORS} are needed"
        )
    if group["protocol_version"] in _MULTIPLEXED:
        found = Estimate(f"{group['protocol_version']} targets share one connection: no pause belongs to one")
    is_stated = not found.reason
    return {
        "target_group_arn": group["target_group_arn"],
        "timeout_s": found.timeout_s if is_stated else None,
        "low": found.low if is_stated else None,
        "high": found.high if is_stated else None,
        "closes": closes,
        "errors": int(hazard["errors"].sum()),
        "errors_at_timeout": found.in_pile,
        "exposure": int(hazard["requests"].sum()),
        "hazard_ratio": found.hazard_ratio if is_stated else None,
        "verdict": "estimated" if is_stated else "cannot_tell",
        "idle_timeout_s": idle_timeout_s,
        "is_idle_timeout_known": group["is_idle_timeout_known"],
        "is_race_possible": found.low <= idle_timeout_s if is_stated else None,
        "reason": found.reason or None,
    }


def _names(row: Mapping[str, object], servers: pl.DataFrame) -> dict[str, str | None]:
    """Every server whose default lies in the interval, comma separated; None when none does."""
    if row["verdict"] != "estimated":
        return {"servers": None}
    fitting = servers.filter(
        (pl.col("closes_from_s") <= float(str(row["high"])))
        & (pl.col("closes_to_s") >= float(str(row["low"])))
    )
    return {"servers": ", ".join(fitting["server"].sort()) or None}


def estimate(tenths: Whole, requests: Whole, errors: Whole, *, mean_pair_rate: float = 0.0) -> Estimate:
    """The timeout that the hazard shows.

    Args:
        tenths: pauses, in tenths of a second, each once, rising.
        requests: how many requests had each.
        errors: how many of them failed.
        mean_pair_rate: requests per second on the pairs of the group, for the wording of a refusal.
    """
    total = int(errors.sum())
    busy = f"pairs are busy: {mean_pair_rate:.1f} requests/s each"
    if total < LEAST_ERRORS:
        few = f"too few errors: {total} with a pause that tells; {LEAST_ERRORS} are needed"
        return Estimate(f"{few}; {busy}" if mean_pair_rate >= _BUSY_PER_S else few)
    timeouts, scores = _likelihoods(tenths, requests, errors)
    best = int(timeouts[int(np.argmax(scores))])
    pile = _between(tenths, best - _BEFORE, best + _AFTER)
    in_pile = int(errors[pile].sum())
    refusal = _refusal(tenths, requests, errors, best)
    if refusal:
        return Estimate(f"{refusal}; {busy}" if mean_pair_rate >= _BUSY_PER_S else refusal, in_pile=in_pile)
    likely = timeouts[scores >= scores.max() - _HALF_WIDTH_NATS]
    found = Estimate(
        "",
        timeout_s=_centre(tenths, errors, best),
        low=max(float(likely.min()) / 10.0 - _RESOLUTION_S, 0.0),
        high=float(likely.max()) / 10.0 + _RESOLUTION_S,
        in_pile=in_pile,
        hazard_ratio=_rise(requests, errors, pile, ~pile),
    )
    return replace(
        found,
        timeout_s=round(min(max(found.timeout_s, found.low), found.high), 2),
        low=round(found.low, 2),
        high=round(found.high, 2),
        hazard_ratio=round(found.hazard_ratio, 2),
    )


def _centre(tenths: Whole, errors: Whole, best: int) -> float:
    """Where the pile's errors lie in the middle, s; its late tail has no say."""
    core = _between(tenths, best - _BEFORE, best + _BEFORE + 1)
    return float(np.average(tenths[core], weights=np.maximum(errors[core], 1e-9))) / 10.0


def _between(tenths: Whole, first: int, end: int) -> NDArray[np.bool_]:
    return (tenths >= first) & (tenths < end)


def _likelihoods(tenths: Whole, requests: Whole, errors: Whole) -> tuple[Whole, Floats]:
    """Every timeout worth a look (tenths), and the log likelihood of the errors' pauses under it."""
    seen = errors > 0
    at, weight = tenths[seen], errors[seen].astype(np.float64)
    near = (at[:, None] + np.arange(-_LATE, _BEFORE + 1)).ravel()
    coarse = np.unique(np.geomspace(_FIRST, tenths.max() + 1, 60).round().astype(np.int64))
    timeouts = np.unique(np.concatenate([near, coarse]))
    timeouts = timeouts[timeouts >= _FIRST]
    share = requests / requests.sum()
    any_pause = np.broadcast_to(share[seen], (timeouts.size, at.size))
    upto = np.concatenate([[0.0], np.cumsum(share)])
    below_mass = upto[np.searchsorted(tenths, timeouts)]
    below = np.where(
        at[None, :] < timeouts[:, None], share[seen] / np.maximum(below_mass, 1e-12)[:, None], 0.0
    )
    density = np.stack([any_pause, below, _pile(tenths, share, timeouts, at)], axis=2)
    return timeouts, _mixed(density, weight)


def _pile(tenths: Whole, share: Floats, timeouts: Whole, at: Whole) -> Floats:
    """Density of the pile over the tenths ``at``: kernel times requests, normalised, by timeout."""
    by_tenth = np.zeros(int(max(tenths.max(), timeouts.max())) + _KERNEL.size + 1)
    by_tenth[tenths] = share
    reach = timeouts[:, None] - _BEFORE + np.arange(_KERNEL.size)[None, :]
    mass = (by_tenth[reach] * _KERNEL).sum(axis=1)
    offset = at[None, :] - timeouts[:, None] + _BEFORE
    inside = (offset >= 0) & (offset < _KERNEL.size)
    kernel = np.where(inside, _KERNEL[np.clip(offset, 0, _KERNEL.size - 1)], 0.0)
    density: Floats = kernel * by_tenth[at][None, :] / np.maximum(mass, 1e-12)[:, None]
    return density


def _mixed(density: Floats, weight: Floats) -> Floats:
    """Log likelihood under the best mixture of the kinds, by timeout (expectation-maximisation)."""
    mix = np.full((density.shape[0], density.shape[2]), 1.0 / density.shape[2])
    for _ in range(_ROUNDS):
        parts = density * mix[:, None, :]
        parts /= np.maximum(parts.sum(axis=2, keepdims=True), 1e-300)
        mix = (parts * weight[None, :, None]).sum(axis=1) / weight.sum()
    likelihood: Floats = np.log(np.maximum((density * mix[:, None, :]).sum(axis=2), 1e-300)) @ weight
    return likelihood


def _refusal(tenths: Whole, requests: Whole, errors: Whole, best: int) -> str:
    """Why the pile at ``best`` is no timeout; empty when it is one."""
    pile = _between(tenths, best - _BEFORE, best + _AFTER)
    in_pile, total = int(errors[pile].sum()), int(errors.sum())
    if in_pile < LEAST_ERRORS:
        return f"no gap structure: {total} errors, of which no {LEAST_ERRORS} share a pause"
    windows = max(int(tenths.max()) // (_BEFORE + _AFTER), 1)
    chance = _tail(in_pile, total, requests[pile].sum() / requests.sum())
    if chance * windows > _SCAN_LEVEL or _rise(requests, errors, pile, ~pile) < _RISE:
        return "no gap structure: errors have the pauses of ordinary requests"
    for side, name in (
        (_between(tenths, best // 2, best - _BEFORE), "shorter"),
        (tenths >= best + _LATE, "longer"),
    ):
        both = int(errors[pile].sum() + errors[side].sum())
        share = requests[pile].sum() / (requests[pile].sum() + requests[side].sum())
        if _tail(in_pile, both, share) > _SIDE_LEVEL or _rise(requests, errors, pile, side) < _RISE:
            return f"no gap structure: {name} pauses fail as often, or hardly occur"
    return ""


def _tail(hits: int, draws: int, share: float) -> float:
    """Probability of at least so many hits by chance, exact."""
    return at_least(hits, draws, float(min(max(share, 0.0), 1.0)))


def _rise(requests: Whole, errors: Whole, pile: NDArray[np.bool_], side: NDArray[np.bool_]) -> float:
    """Errors per request in the pile over those beside it; half an error is lent to an empty side."""
    here = errors[pile].sum() / max(int(requests[pile].sum()), 1)
    beside = max(float(errors[side].sum()), 0.5) / max(int(requests[side].sum()), 1)
    return float(here / beside)
