"""One verdict per gateway error, from the probabilities of its candidates."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipeline.attribute.causes import Cause, Ceiling
from pipeline.attribute.coverage import DECISIVE, missing_families
from pipeline.model import ATTRIBUTIONS

INSUFFICIENT = "insufficient_evidence"
INSUFFICIENT_TITLE = "A source that the decision needs did not observe the instant"
INSUFFICIENT_REMEDY = (
    "Collect the sources named in missing_sources for this time (CloudTrail or scaling activities for nodes, "
    "pod watch or audit log for pods) and attribute again"
)
TRUST = 0.99
"""No set of causes is complete: what the candidates share out among them is at most this."""
TRUST_UNWATCHED = 0.85
"""The same where a source that could have shown another cause did not observe the instant."""
TRUST_UNSEEN = 0.5
"""The same for a verdict that means "and no event explains it": an event may well have gone unseen."""
CEILINGS: dict[Ceiling, float] = {"high": 1.0, "medium": 0.95, "low": 0.5}
"""How often a cause is what its evidence seems to say, where the log and the timeline cannot prove it: its
probability is scaled by this before causes are compared, and what that takes away goes to no other. Where
the numbers come from: docs/model.md, part 4."""
UPGRADE_NOTE = "; a WebSocket upgrade that failed (others on its path were opened)"
CERTAIN_CLASSES = ("target_answered", "lambda")
"""Classes in which the line itself names the cause."""
LATE = timedelta(minutes=30)
"""Lines, CloudTrail's records and the states of APIs may come this late (docs/timeline.md)."""
_DIGITS = 6
_DECIDING = ("cause", "failure_class", "idle_timeout_s", "deregistration_delay_s")
"""Columns that the verdict and its remedy are made of."""
NO_EVENT_CAUSES = ("unexplained", "connect_timeout", "connection_refused")
"""Verdicts that mean "and no event explains it": worth nothing where events were not observed."""
SEEN_IN_THE_LOG = ("connect_timeout",)
"""Of these, the ones for which unseen events would show in the log itself: a filter before a whole group,
a zone or a host that answers nobody. Where no decisive source is missing they are as sure as others."""


@dataclass(frozen=True)
class Verdicts:
    """Rows of `attributions`, and the candidates with their probabilities behind them."""

    attributions: pl.DataFrame
    candidates: pl.DataFrame


def titles(causes: list[Cause]) -> pl.DataFrame:
    """The table `causes`: id, title, remedy and statuses of every verdict that can be given."""
    rows = [(cause.id, cause.title, cause.remedy, list(cause.statuses)) for cause in causes]
    rows.append((INSUFFICIENT, INSUFFICIENT_TITLE, INSUFFICIENT_REMEDY, [502, 504]))
    return pl.DataFrame(rows, schema=["id", "title", "remedy", "statuses"], orient="row")


def decide(
    errors: pl.DataFrame,
    candidates: pl.DataFrame,
    coverage: pl.DataFrame,
    causes: list[Cause],
    *,
    now: datetime,
    tool_version: str,
    causes_hash: str,
) -> pl.DataFrame:
    """Choose the most probable cause of every error.

    Args:
        errors: rows of `gateway_errors`.
        candidates: rows of `candidates` with ``probability``.
        coverage: rows of `coverage`.
        causes: the causes.
        now: when it is, UTC; what a timeline that ends earlier could not yet hold is told by its end.
        tool_version: goes into every row.
        causes_hash: goes into every row.

    Returns:
        Rows of `attributions`, one per error, sorted by time.
    """
    ranked = _ranked_causes(candidates, ceilings(causes))
    joined = errors.join(ranked, on="request_id", how="left").sort("time", "request_id")
    absent = missing_families(joined, coverage)
    remedies = {cause.id: cause.remedy for cause in causes}
    verdicts = [
        _verdict(row, missing, remedies)
        for row, missing in zip(joined.select(_DECIDING).to_dicts(), absent, strict=True)
    ]
    classes = joined["failure_class"]
    shares = {
        name: pl.Series(
            [trust(*one) for one in zip(classes, absent, joined[name], strict=True)], dtype=pl.Float64
        )
        for name in ("cause", "runner_up")
    }
    stamped = joined.with_columns(
        *(
            pl.Series(name, [verdict[name] for verdict in verdicts], dtype=pl.String)
            for name in ("cause", "remedy", "missing_sources")
        ),
        (pl.col("confidence") * shares["cause"]).round(_DIGITS),
        (pl.col("runner_up_confidence") * shares["runner_up"]).round(_DIGITS),
        pl.when("is_upgrade").then(pl.col("evidence") + UPGRADE_NOTE).otherwise("evidence").alias("evidence"),
        (pl.col("time") > _settled_before(coverage, now)).alias("is_provisional"),
        pl.lit(tool_version).alias("tool_version"),
        pl.lit(causes_hash).alias("causes_hash"),
    )
    empty = pl.DataFrame(ATTRIBUTIONS.empty())
    return stamped.select(pl.col(name).cast(kind) for name, kind in empty.schema.items())


def _settled_before(coverage: pl.DataFrame, now: datetime) -> datetime:
    """The instant before which nothing more is expected: a while before the timeline was collected."""
    ends: list[datetime] = coverage["covered_to"].to_list()
    return min(now, max(ends, default=now)) - LATE


def _ranked_causes(candidates: pl.DataFrame, highest: dict[str, float]) -> pl.DataFrame:
    """Per error the best two causes, and the best event of the best cause."""
    by_cause = (
        candidates.sort("probability", "cluster_id", descending=[True, False])
        .group_by("request_id", "cause", maintain_order=True)
        .agg(
            pl.col("probability").sum().alias("confidence"),
            pl.col("event_id", "lag_s", "evidence").first(),
        )
        .with_columns(pl.col("confidence") * pl.col("cause").replace_strict(highest, return_dtype=pl.Float64))
        .sort("request_id", "confidence", "cause", descending=[False, True, False])
    )
    return by_cause.group_by("request_id", maintain_order=True).agg(
        pl.col("cause", "confidence", "event_id", "lag_s", "evidence").first(),
        pl.col("cause").get(1, null_on_oob=True).alias("runner_up"),
        pl.col("confidence").get(1, null_on_oob=True).alias("runner_up_confidence"),
    )


def ceilings(causes: list[Cause]) -> dict[str, float]:
    """By cause, the most that its probability is worth."""
    return {cause.id: CEILINGS[cause.ceiling] for cause in causes}


def trust(failure_class: str, missing: list[str], cause: str | None) -> float:
    """What the probability of a cause is worth at most, given the families that did not watch."""
    if failure_class in CERTAIN_CLASSES:
        return 1.0
    if not missing:
        return TRUST
    is_decisive = any(family in DECISIVE.get(failure_class, ()) for family in missing)
    is_unseen = cause in NO_EVENT_CAUSES and (is_decisive or cause not in SEEN_IN_THE_LOG)
    return TRUST_UNSEEN if is_unseen else TRUST_UNWATCHED


def _verdict(row: dict[str, object], missing: list[str], remedies: dict[str, str]) -> dict[str, str | None]:
    cause = str(row["cause"])
    named = ",".join(missing) or None
    decisive = DECISIVE.get(str(row["failure_class"]), ())
    if cause in NO_EVENT_CAUSES and any(family in decisive for family in missing):
        return {"cause": INSUFFICIENT, "remedy": INSUFFICIENT_REMEDY, "missing_sources": named}
    idle_timeout_s = float(str(row["idle_timeout_s"]))
    return {
        "cause": cause,
        "remedy": remedies[cause].format(
            idle_timeout_s=f"{idle_timeout_s:.0f}",
            safe_keepalive_s=f"{idle_timeout_s + 5.0:.0f}",
            deregistration_delay_s=f"{float(str(row['deregistration_delay_s'] or 300.0)):.0f}",
        ),
        "missing_sources": named,
    }
