"""Asks CloudTrail's event history for the calls that the timeline understands.

The history takes one condition a question, so there is one question per event name; its rate is two calls
a second for the whole account.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.timeline import aws_apis as api
from pipeline.timeline.aws_apis import Page
from pipeline.timeline.cloudtrail_calls import CALLS, SETTING_CALLS
from pipeline.timeline.cloudtrail_interfaces import INTERFACE_CALLS
from pipeline.timeline.scope import Scope
from pipeline.timeline.shapes import INSTANCE_ID, objects

if TYPE_CHECKING:
    from pipeline.timeline.collector import Collector

REACH = timedelta(days=90)
"""``lookup-events`` reaches back this far."""
BEFORE = timedelta(hours=2)
"""A target that failed in the window may have been deregistered before it."""
AFTER = timedelta(hours=1)
DELAY = timedelta(minutes=15)
"""So late a call may appear in the history: younger silence says nothing."""


_ENDS = ("TerminateInstances", "BidEvictedEvent")
_FIRST = ("TerminateInstances", "DeregisterTargets", "RunInstances", "RegisterTargets", "BidEvictedEvent")
"""The names that tell most get the pages that are left over."""
_FOR_INTERFACES = api.MOST_INTERFACE_PAGES * len(INTERFACE_CALLS)
"""Calls that are left for the names that are asked for last."""


def fetch(scope: Scope, ask: "Collector") -> None:
    """Ask per event name, then for the past of instances that went: EC2 forgets their addresses in an hour.

    Names that change settings are asked for as far as the history reaches, until now: the value at an instant
    is told by the last change before it, however old. Coverage is what all names have in common, up to
    `DELAY` before now; calls on network interfaces, of which only the newest are read, are no part of it.
    """
    now = datetime.now(UTC)
    if scope.is_probe:
        _probe(ask, now)
        return
    since, until = max(scope.since - BEFORE, now - REACH), min(scope.until + AFTER, now)
    if since >= until:
        ask.forgotten(api.LOOKUP, REACH)
        return
    covered_from: datetime | None = since
    names = [*_FIRST, *sorted(CALLS.keys() - INTERFACE_CALLS.keys() - set(_FIRST))]
    told: dict[str, set[str]] = {}
    for later, name in zip(reversed(range(len(names))), names, strict=True):
        seen = _Seen(ask)
        is_setting = name in SETTING_CALLS
        is_whole = ask.ask(
            api.LOOKUP,
            about=name,
            note=seen.page,
            keep=later + _FOR_INTERFACES,
            LookupAttributes=_named(name),
            StartTime=now - REACH if is_setting else since,
            EndTime=now if is_setting else until,
        )
        told[name] = seen.instances
        if not is_whole:
            covered_from = max(covered_from, seen.oldest) if covered_from and seen.oldest else None
    _pasts(ask, told, since, now)
    _interfaces(ask, since, until)
    if covered_from is not None:
        ask.covered("cloudtrail", covered_from, min(until, now - DELAY))


def _probe(ask: "Collector", now: datetime) -> None:
    """Ask once, for the newest calls that changed anything: at two calls a second, more would take long."""
    ask.ask(
        api.LOOKUP,
        about="newest",
        note=_Seen(ask).newest,
        LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "false"}],
        StartTime=now - REACH,
        EndTime=now,
    )


def _pasts(ask: "Collector", told: dict[str, set[str]], since: datetime, now: datetime) -> None:
    """Ask for the launch of each instance that ended after ``since`` and was launched before."""
    ended = set[str]().union(*(told[name] for name in _ENDS))
    for instance_id in sorted(ended - told["RunInstances"])[: api.MOST_PASTS]:
        ask.ask(
            api.LOOKUP,
            about=instance_id,
            keep=_FOR_INTERFACES,
            LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": instance_id}],
            StartTime=now - REACH,
            EndTime=since,
        )


def _interfaces(ask: "Collector", since: datetime, until: datetime) -> None:
    """Ask for the newest calls on network interfaces."""
    names = sorted(INTERFACE_CALLS)
    for later, name in zip(reversed(range(len(names))), names, strict=True):
        ask.ask(
            api.LOOKUP,
            about=name,
            note=_Seen(ask).newest_pages,
            keep=later * api.MOST_INTERFACE_PAGES,
            LookupAttributes=_named(name),
            StartTime=since,
            EndTime=until,
        )


def _named(name: str) -> list[dict[str, str]]:
    return [{"AttributeKey": "EventName", "AttributeValue": name}]


@dataclass
class _Seen:
    """What the pages told so far; they are newest first."""

    ask: "Collector"
    pages: int = 0
    oldest: datetime | None = None
    instances: set[str] = field(default_factory=set)

    def page(self, page: Page) -> None:
        """Take note of a page."""
        self.pages += 1
        for one in objects(page, "Events"):
            at = one.get("EventTime")
            if isinstance(at, datetime):
                self.oldest = min(self.oldest or at, at)
                self.ask.showed("cloudtrail", at)
            self.instances |= set(INSTANCE_ID.findall(str(one.get("CloudTrailEvent"))))

    def newest_pages(self, page: Page) -> bool:
        """Take note of a page, of as many as are read of one call on network interfaces."""
        self.page(page)
        return self.pages >= api.MOST_INTERFACE_PAGES

    def newest(self, page: Page) -> bool:
        """Take note of the first page, which has the newest; no other one is needed."""
        self.page(page)
        return True
