"""Ids that AWS gives once, and dumps hold for two things: files were edited, or a program made them up."""

from datetime import datetime, timedelta

from pipeline.timeline.base import Findings

_OF_ONE_INSTANT = frozenset({"autoscaling", "cloudtrail"})
"""Sources whose ids stand for one happening at one time; others tell the same thing again as it goes on."""
_ROUNDED = timedelta(seconds=1)
"""Some tools cut the decimals of a time."""
_MOST = 10


def report(findings: Findings) -> None:
    """A problem for each record whose id another one has, of another time: they are taken for one event."""
    first: dict[str, tuple[datetime, str]] = {}
    odd: dict[str, str] = {}
    for event in findings.events:
        if event["source"] in _OF_ONE_INSTANT:
            at, ref = first.setdefault(event["event_id"], (event["occurred_at"], event["source_ref"]))
            if abs(event["occurred_at"] - at) > _ROUNDED:
                odd.setdefault(event["source_ref"], ref)
    for ref, other in list(odd.items())[:_MOST]:
        findings.problem(ref, f"has the id of {other}, and another time: both are taken for one event")
    if len(odd) > _MOST:
        findings.problem("timeline", f"{len(odd) - _MOST} more records have the id of another one")
