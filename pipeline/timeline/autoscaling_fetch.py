"""Asks Auto Scaling who came and went, and how its groups are set up."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.timeline import aws_apis as api
from pipeline.timeline.aws_apis import Page
from pipeline.timeline.instants import read_instant
from pipeline.timeline.scope import Scope
from pipeline.timeline.shapes import Record, mapping, objects, text, texts

if TYPE_CHECKING:
    from pipeline.timeline.collector import Collector

REACH = timedelta(weeks=6)
"""The API returns activities that started within six weeks, whatever is asked."""
BEFORE = timedelta(hours=2)
"""Activities are asked for by their start: a long drain that ends in the window began before it."""
AFTER = timedelta(hours=1)
"""A lost instance is noticed, and its activity begun, after its requests failed."""


def fetch(scope: Scope, ask: "Collector") -> None:
    """Ask for activities and groups of the account, and for hooks, refreshes and warm pools of some groups.

    Those are the groups that feed the load balancers' target groups, hold their targets, or scaled in the
    window, `MOST_GROUPS` of them at most.
    """
    seen = _Seen(scope, ask)
    _activities(scope, ask, seen)
    ask.ask(api.GROUPS, note=seen.groups)
    ask.ask(api.GROUP_INSTANCES)
    for name in seen.chosen():
        ask.ask(api.HOOKS, about=name, AutoScalingGroupName=name)
        ask.ask(api.REFRESHES, about=name, AutoScalingGroupName=name)
        if name in seen.with_warm_pool:
            ask.ask(api.WARM_POOL, about=name, AutoScalingGroupName=name)


def _activities(scope: Scope, ask: "Collector", seen: "_Seen") -> None:
    """Newest first: a listing that breaks off still covers the time since its oldest activity."""
    now = datetime.now(UTC)
    since, until = max(scope.since - BEFORE, now - REACH), min(scope.until + AFTER, now)
    if scope.is_probe:
        ask.ask(api.ACTIVITIES, note=seen.newest, IncludeDeletedGroups=True)
        return
    if since >= until:
        ask.forgotten(api.ACTIVITIES, REACH)
        return
    bounds: dict[str, Any] = {}
    if ask.takes(api.ACTIVITIES, "Filters"):
        bounds["Filters"] = [_bound("Lower", since), _bound("Upper", until)]

    def note(page: Page) -> bool:
        seen.activities(page)
        return seen.oldest is not None and seen.oldest < since

    if ask.ask(api.ACTIVITIES, note=note, IncludeDeletedGroups=True, **bounds):
        ask.covered("scaling_activities", since, until)
    elif seen.oldest is not None:
        ask.covered("scaling_activities", max(since, seen.oldest), until)


def _bound(which: str, at: datetime) -> Record:
    return {"Name": f"StartTime{which}Bound", "Values": [f"{at:%Y-%m-%dT%H:%M:%SZ}"]}


@dataclass
class _Seen:
    """What the pages told so far."""

    scope: Scope
    ask: "Collector"
    oldest: datetime | None = None
    scaled: set[str] = field(default_factory=set)
    serving: set[str] = field(default_factory=set)
    with_warm_pool: set[str] = field(default_factory=set)

    def activities(self, page: Page) -> None:
        for one in objects(page, "Activities"):
            self.scaled |= {name} if (name := text(one, "AutoScalingGroupName")) else set()
            started_at = read_instant(one["StartTime"].isoformat())
            self.oldest = min(self.oldest or started_at, started_at)
            self.ask.showed("scaling_activities", started_at)

    def newest(self, page: Page) -> bool:
        """Take note of the first page, which has the newest; no other one is needed."""
        self.activities(page)
        return True

    def groups(self, page: Page) -> None:
        for one in objects(page, "AutoScalingGroups"):
            name = text(one, "AutoScalingGroupName") or ""
            sources = (text(source, "Identifier") for source in objects(one, "TrafficSources"))
            instances = (text(instance, "InstanceId") for instance in objects(one, "Instances"))
            feeds = self.scope.target_groups.keys() & {*texts(one, "TargetGroupARNs"), *sources}
            if feeds or self.scope.targets & {*instances}:
                self.serving.add(name)
            if mapping(one, "WarmPoolConfiguration"):
                self.with_warm_pool.add(name)

    def chosen(self) -> list[str]:
        """Groups to look at closely: those that serve first."""
        names = [*sorted(self.serving), *sorted(self.scaled - self.serving)]
        return names[: api.MOST_GROUPS]
