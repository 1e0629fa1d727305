"""The incident in a few numbers and one sentence: what every output of the report starts with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import polars as pl

from pipeline.engine import Engine
from pipeline.report import wording
from pipeline.report.counterfactual import remedies as counterfactual
from pipeline.report.facts import RATE_POINTS, UNDECIDED, CauseRow, Neighbour, Summary, Trust
from pipeline.report.intervals import interval
from pipeline.report.keepalive import sentence as keepalive_sentence

__all__ = ["CauseRow", "Summary", "summarise"]


def summarise(engine: Engine) -> Summary:
    """Sum up `attributions`, `traffic`, `causes`, `coverage`, `neighbouring_errors`, and the checks."""
    seen = engine.frame("report/window").row(0, named=True)
    window = _window(seen["first_at"], seen["last_at"])
    by_cause = _cause_rows(engine, window)
    errors = int(seen["gateway_errors"])
    return Summary(
        gateway_errors=errors,
        requests=int(seen["requests"]),
        window=window,
        by_cause=by_cause,
        verdict=wording.verdict(by_cause, errors, int(seen["requests"]), window),
        top_remedy=wording.top_remedy(by_cause, errors),
        coverage_warnings=_coverage_warnings(engine, errors),
        also_seen=tuple(Neighbour(*row) for row in engine.table("neighbouring_errors").iter_rows()),
        trust=_trust(engine, by_cause, int(seen["requests"])),
    )


def _trust(engine: Engine, by_cause: list[CauseRow], requests: int) -> Trust:
    estimates = engine.frame("report/keepalive_estimates").rows(named=True)
    return Trust(
        remedies=counterfactual(engine, by_cause, requests),
        keepalive=[row | {"sentence": keepalive_sentence(row)} for row in estimates],
        checks=engine.frame("report/checks").rows(named=True),
        dose_responses=engine.frame("report/dose_responses").rows(named=True),
    )


def _window(first: datetime | None, last: datetime | None) -> tuple[datetime, datetime] | None:
    return None if first is None or last is None else (first.astimezone(UTC), last.astimezone(UTC))


def _cause_rows(engine: Engine, window: tuple[datetime, datetime] | None) -> list[CauseRow]:
    probabilities = _probabilities(engine.frame("report/probabilities"))
    remedies = _first_remedies(engine.frame("report/remedies"))
    rates = _rates(engine, window)
    rows = [
        _cause_row(row, probabilities[row["cause"]], remedies[row["cause"]], rates.get(row["cause"], ()))
        for row in engine.frame("report/causes").iter_rows(named=True)
    ]
    return sorted(rows, key=_place)


def _place(row: CauseRow) -> tuple[int, int, str]:
    rank = 0 if row.is_decided else 1 + UNDECIDED.index(row.cause)
    return rank, -row.errors, row.cause


def _cause_row(
    row: Mapping[str, object], probabilities: Sequence[float], remedy: str, rate: tuple[int, ...]
) -> CauseRow:
    low, high = interval(probabilities)
    return CauseRow(
        cause=str(row["cause"]),
        title=str(row["title"]),
        errors=int(str(row["errors"])),
        expected_errors=float(sum(probabilities)),
        low=low,
        high=high,
        mean_confidence=float(str(row["mean_confidence"])),
        remedy=remedy,
        rate=rate,
    )


def _probabilities(stated: pl.DataFrame) -> dict[str, list[float]]:
    grouped: dict[str, list[float]] = {}
    for cause, probability in stated.iter_rows():
        grouped.setdefault(cause, []).append(probability)
    return grouped


def _first_remedies(remedies: pl.DataFrame) -> dict[str, str]:
    """The most frequent wording per cause; the query has it first."""
    first: dict[str, str] = {}
    for row in remedies.iter_rows(named=True):
        first.setdefault(row["cause"], row["remedy"])
    return first


def _rates(engine: Engine, window: tuple[datetime, datetime] | None) -> dict[str, tuple[int, ...]]:
    if window is None:
        return {}
    curves: dict[str, list[int]] = {}
    span = (window[1] - window[0]) / RATE_POINTS
    for row in engine.frame("report/errors_over_time", {"bucket_minutes": 1}).iter_rows(named=True):
        point = min(max(int((row["bucket_at"] - window[0]) / span), 0), RATE_POINTS - 1)
        curves.setdefault(row["cause"], [0] * RATE_POINTS)[point] += int(row["errors"])
    return {cause: tuple(curve) for cause, curve in curves.items()}


def _coverage_warnings(engine: Engine, errors: int) -> list[str]:
    if not errors:
        return []
    if engine.frame("report/coverage").is_empty():
        return [wording.NO_TIMELINE]
    uncovered: dict[str, int] = {}
    for sources, count in engine.frame("report/missing_sources").iter_rows():
        for source in filter(None, (name.strip() for name in sources.split(","))):
            uncovered[source] = uncovered.get(source, 0) + int(count)
    ordered = sorted(uncovered.items(), key=lambda item: (-item[1], item[0]))
    warnings = [wording.uncovered(source, count, errors) for source, count in ordered]
    young, first = engine.frame("report/provisional").row(0)
    return [*warnings, wording.provisional(young, first)] if young else warnings
