"""Asks CloudTrail's event history for the calls that the timeline understands.

The history takes one condition a question, so there is one question per event name; its rate is two calls
a second for the whole account.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.timeline import aws_apis as api
from pipeline.timeline.aws_apis import Page
from pipeline.timeline.cloudtrail_calls import CALLS
from pipeline.timeline.scope import Scope
from pipeline.timeline.shapes import objects

if TYPE_CHECKING:
    from pipeline.timeline.collector import Collector

REACH = timedelta(days=90)
"""``lookup-events`` reaches back this far."""
BEFORE = timedelta(hours=2)
"""A target that failed in the window may have been deregistered before it."""
AFTER = timedelta(hours=1)
DELAY = timedelta(minutes=15)
"""So late a call may appear in the history: younger silence says nothing."""


_FIRST = ("TerminateInstances", "DeregisterTargets", "RunInstances", "RegisterTargets", "BidEvictedEvent")
"""The names that tell most get the pages that are left over."""


def fetch(scope: Scope, ask: "Collector") -> None:
    """Ask per event name; names that change settings until now: the value then is told by what came later.

    Coverage is what all names have in common, up to `DELAY` before now.
    """
    now = datetime.now(UTC)
    since, until = max(scope.since - BEFORE, now - REACH), min(scope.until + AFTER, now)
    if since >= until:
        return
    covered_from: datetime | None = since
    names = [*_FIRST, *sorted(CALLS.keys() - set(_FIRST))]
    for later, name in zip(reversed(range(len(names))), names, strict=True):
        seen = _Seen()
        is_whole = ask.ask(
            api.LOOKUP,
            about=name,
            note=seen.page,
            keep=later,
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
            StartTime=since,
            EndTime=now if name.startswith("Modify") else until,
        )
        if not is_whole:
            covered_from = max(covered_from, seen.oldest) if covered_from and seen.oldest else None
    if covered_from is not None:
        ask.covered("cloudtrail", covered_from, min(until, now - DELAY))


@dataclass
class _Seen:
    """The oldest event so far: pages are newest first."""

    oldest: datetime | None = None

    def page(self, page: Page) -> None:
        """Take note of a page."""
        for at in _times(page):
            self.oldest = min(self.oldest or at, at)


def _times(page: Page) -> Iterator[datetime]:
    for one in objects(page, "Events"):
        if isinstance(one.get("EventTime"), datetime):
            yield one["EventTime"].astimezone(UTC)
