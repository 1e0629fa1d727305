"""Why Auto Scaling did something, from the sentences of an activity's cause."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline.timeline.instants import read_instant

_CLASSES = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("scheduled", r"a scheduled action update of AutoScalingGroup"),
        ("policy_alarm", r"monitor alarm .* in state \w+ triggered policy"),
        ("instance_refresh", r"in response to an instance refresh"),
        ("elb_unhealthy", r"ELB system health check failure"),
        ("spot", r"spot .*?interrupt"),
        ("rebalance", r"rebalanc|balance instances in zones|balancing the group's zones"),
        ("ec2_gone", r"EC2 health check indicating it has been (?:terminated|stopped)"),
        ("ec2_unhealthy", r"in response to an? EC2 (?:health check|instance status check)"),
        ("user_unhealthy", r"user health-check"),
        ("replace_unhealthy", r"unhealthy instance needing to be replaced"),
        ("user_request", r"in response to a user request|a user request (?:update|created|explicitly set)"),
        ("capacity_diff", r"difference between desired and actual capacity"),
    )
)
"""First match wins: most causes end with the sentence of ``capacity_diff``."""

_REASONS = {
    "instance_refresh": "refresh",
    "elb_unhealthy": "unhealthy",
    "ec2_gone": "gone",
    "ec2_unhealthy": "unhealthy",
    "user_unhealthy": "unhealthy",
    "replace_unhealthy": "unhealthy",
    "spot": "spot",
    "rebalance": "rebalance",
    "user_request": "user_request",
}
_CAPACITY_DRIVEN = frozenset({"scheduled", "policy_alarm", "capacity_diff"})
_SENTENCE = re.compile(r"At (\d{4}-\d\d-\d\dT[\d:.]+Z) (.*?)(?=\s*At \d{4}-\d\d-\d\dT|$)", re.DOTALL)
_LONGEST = 4096
"""Characters of a cause that are looked at; AWS writes 1023 at most."""

_DESIRED = re.compile(r"desired capacity from (\d+) to (\d+)")


@dataclass(frozen=True)
class Decision:
    """One change of an Auto Scaling group's desired capacity.

    Attributes:
        decided_at: when, UTC, to the second.
        before: desired capacity until then.
        after: desired capacity from then on.
        sentence: as AWS put it.
    """

    decided_at: datetime
    before: int
    after: int
    sentence: str


def cause_class(cause: str) -> str:
    """Which of the known sentences a cause has; ``other`` for none."""
    return next((name for name, pattern in _CLASSES if pattern.search(cause[:_LONGEST])), "other")


def reason(cause: str, *, is_launch: bool) -> str:
    """The coarse reason: ``scale_in`` or ``scale_out``, ``refresh``, ``unhealthy``, ``spot``, ...

    ``gone``: somebody else had terminated or stopped it before Auto Scaling did anything.
    """
    name = cause_class(cause)
    if name in _CAPACITY_DRIVEN:
        return "scale_out" if is_launch else "scale_in"
    return _REASONS.get(name, "other")


def decisions(cause: str) -> Iterator[Decision]:
    """The sentences of a cause that change the desired capacity (AWS cuts a cause at 1023 characters)."""
    for at, sentence in _SENTENCE.findall(cause[:_LONGEST]):
        change = _DESIRED.search(sentence)
        if change is None:
            continue
        try:
            yield Decision(read_instant(at), int(change[1]), int(change[2]), sentence.strip())
        except ValueError:
            continue
