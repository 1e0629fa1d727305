"""The numbers that every output of the report starts with."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

UNDECIDED = ("unexplained", "insufficient_evidence")
"""Verdicts that name no cause, in the order in which they are listed last."""

RATE_POINTS = 20
"""Points of each cause's rate curve in a summary."""


@dataclass(frozen=True)
class CauseRow:
    """One cause, or one of the two verdicts that name none.

    Attributes:
        cause: id, e.g. ``keepalive_race``.
        title: its title for people.
        errors: errors of which it is the verdict.
        expected_errors: sum of its probabilities over all errors, as verdict or runner-up.
        low: lower end of the 95 % interval around expected_errors.
        high: upper end.
        mean_confidence: mean probability over its verdicts, 0 to 1.
        remedy: what to change; the most frequent wording among its errors.
        rate: its errors in each of RATE_POINTS equal parts of the window.
    """

    cause: str
    title: str
    errors: int
    expected_errors: float
    low: int
    high: int
    mean_confidence: float
    remedy: str
    rate: tuple[int, ...] = ()

    @property
    def is_decided(self) -> bool:
        """Whether the verdict names a cause."""
        return self.cause not in UNDECIDED


@dataclass(frozen=True)
class Neighbour:
    """Answers that the load balancer made itself beside 502 and 504: labelled, attributed to nothing.

    Attributes:
        status: the status that the client got.
        label: what it says, from the line alone, e.g. ``no_targets``.
        requests: how many there were.
    """

    status: int
    label: str
    requests: int


@dataclass(frozen=True)
class Trust:
    """What the verdicts are checked against, and what acting on them would save.

    Attributes:
        remedies: per cause: effort, errors saved with interval, and expected again (`counterfactual`).
        keepalive: rows of `keepalive_estimates`, with their ``sentence``.
        checks: rows of `checks`.
        dose_responses: rows of `dose_responses`.
        ablation: per timeline source, how many verdicts would change without it; empty unless asked.
    """

    remedies: list[dict[str, Any]] = field(default_factory=list)
    keepalive: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    dose_responses: list[dict[str, Any]] = field(default_factory=list)
    ablation: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Summary:
    """What happened, in the order in which a reader wants it.

    Attributes:
        gateway_errors: 502s and 504s that the load balancers made.
        requests: requests in the window that were sent to a target.
        window: first and last instant of the traffic, UTC; None without any.
        by_cause: named causes by falling number of errors, then those that name none.
        verdict: one sentence.
        top_remedy: what to change first and what it would have saved; empty without a cause.
        coverage_warnings: sentences about spans that no source watched.
        also_seen: other answers of the load balancer's own, most frequent first.
        trust: what the verdicts are checked against.
    """

    gateway_errors: int
    requests: int
    window: tuple[datetime, datetime] | None
    by_cause: list[CauseRow]
    verdict: str
    top_remedy: str
    coverage_warnings: list[str]
    also_seen: tuple[Neighbour, ...] = ()
    trust: Trust = field(default_factory=Trust)
