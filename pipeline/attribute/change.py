"""Did a fix work? Two windows compared cause by cause, by their requests.

Given how many errors of a cause both windows have together, how many of them lie in the later one is
binomial if nothing changed, with the share of its requests: the interval of the rate ratio is exact. Errors
of one fate (one event, or one target within two seconds) come together, so both counts are divided by the
mean size of the fate that an error belongs to; for a cause whose errors come one by one that is 1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.special import betainc, betaincc

from pipeline.attribute.chances import false_discovery_rates
from pipeline.attribute.ratios import interval

LEVEL = 0.05
"""False discovery rate over all causes."""
ALL = "all causes"
_SCHEMA = {
    "cause": pl.String,
    "before": pl.Int64,
    "after": pl.Int64,
    **dict.fromkeys(("before_per_million", "after_per_million", "ratio", "low", "high", "q"), pl.Float64),
    "verdict": pl.String,
}
_HALVED = 0.5
"""A ratio whose interval ends below this is said to have worked."""


@dataclass(frozen=True)
class Side:
    """One of the two windows.

    Attributes:
        name: what the user called it.
        requests: how many it holds.
        errors: its attributions: ``cause``, ``event_id``, ``target_ip``, ``time``, ``elb``.
    """

    name: str
    requests: int
    errors: pl.DataFrame

    @property
    def load_balancers(self) -> set[str]:
        """Load balancers with an error."""
        return set(self.errors["elb"].drop_nulls())


def compare(before: Side, after: Side) -> pl.DataFrame:
    """Every cause with an error on either side, most changed rates first, then all together.

    Returns:
        ``cause`` (or ALL), ``before`` and ``after`` (errors), ``before_per_million``, ``after_per_million``,
        ``ratio`` of the rates with ``low`` and ``high`` (NULL: unbounded), ``q`` (NULL for ALL, which is no
        test beside the others), ``verdict``: worked, fell, rose, appeared or not_shown.
    """
    causes = sorted(set(before.errors["cause"]) | set(after.errors["cause"]))
    measured = [_measured(cause, before, after) for cause in causes]
    chances = [chance for _, chance in measured]
    adjusted = false_discovery_rates(chances)
    found = [_judged(row, q, q) for (row, _), q in zip(measured, adjusted, strict=True)]
    found.sort(key=lambda row: (-abs(row["after_per_million"] - row["before_per_million"]), row["cause"]))
    if found:
        total, chance = _measured(None, before, after)
        found.append(_judged(total, chance, None))
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


def _measured(cause: str | None, before: Side, after: Side) -> tuple[dict[str, Any], float]:
    """The counts of one cause (or all) with their ratio and the two-sided chance of so uneven a split."""
    mine = [
        side.errors if cause is None else side.errors.filter(pl.col("cause") == cause)
        for side in (before, after)
    ]
    earlier, later = (rows.height for rows in mine)
    together = max(_fate_size(mine), 1.0)
    low, high = interval(later / together, earlier / together, float(after.requests), float(before.requests))
    share = after.requests / (after.requests + before.requests)
    before_rate, after_rate = 1e6 * earlier / before.requests, 1e6 * later / after.requests
    row = {
        "cause": cause or ALL,
        "before": earlier,
        "after": later,
        "before_per_million": before_rate,
        "after_per_million": after_rate,
        "ratio": after_rate / before_rate if before_rate else None,
        "low": low,
        "high": high if np.isfinite(high) else None,
    }
    return row, _two_sided(later / together, earlier / together, share)


def _fate_size(sides: list[pl.DataFrame]) -> float:
    """Mean number of errors that share the fate of an error."""
    fate = pl.coalesce(
        "event_id",
        pl.concat_str(
            pl.col("target_ip").fill_null(""),
            (pl.col("time").dt.epoch("us") // 2_000_000).cast(pl.String),
            separator=" ",
        ),
    )
    sizes = np.concatenate([rows.group_by(fate.alias("fate")).len()["len"].to_numpy() for rows in sides])
    sizes = sizes.astype(np.float64)
    return float((sizes**2).sum() / sizes.sum()) if sizes.size else 1.0


def _two_sided(later: float, earlier: float, share: float) -> float:
    """Twice the smaller tail of the binomial, for counts that may be fractions."""
    at_least = float(betainc(later, earlier + 1.0, share)) if later > 0.0 else 1.0
    at_most = float(betaincc(later + 1.0, earlier, share)) if earlier > 0.0 else 1.0
    return min(1.0, 2.0 * min(at_least, at_most))


def _judged(row: dict[str, Any], chance: float, q: float | None) -> dict[str, Any]:
    ratio_of_rates, high = row["ratio"], row["high"]
    if chance > LEVEL:
        verdict = "not_shown"
    elif ratio_of_rates is None:
        verdict = "appeared"
    elif ratio_of_rates > 1.0:
        verdict = "rose"
    else:
        verdict = "worked" if high is not None and high < _HALVED else "fell"
    return row | {"q": q, "verdict": verdict}
