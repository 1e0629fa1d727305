"""Collections for the tests: of one recent day, read back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.timeline.collect import collect
from pipeline.timeline.collection import Call, Collection
from pipeline.timeline.folder import Timeline, read_timeline
from pipeline.timeline.scope import Scope
from tests.support.recent_day import RecentDay

EXTRAS = Path(__file__).parents[2] / "fixtures" / "timeline" / "aws"
"""Dumps of what the simulated day has not."""


def scope(
    day: RecentDay,
    names: tuple[str, ...] = ("shop",),
    since: datetime | None = None,
    until: datetime | None = None,
) -> Scope:
    """A load balancer, and a window that holds all that the dumps tell."""
    ever = datetime.fromisoformat(day.since) - timedelta(days=20)
    return Scope(list(names), since or ever, until or datetime.now(UTC))


def collected(asked: Scope, folder: Path) -> tuple[Collection, Timeline]:
    """The record, and what the pages tell."""
    (record,) = collect([asked], folder / "pages")
    return record, read_timeline(folder / "pages")


def failed(record: Collection) -> dict[str, Call]:
    """Calls that got no whole answer, by operation."""
    return {call.action.partition(":")[2]: call for call in record.calls if call.fault}


def sources(timeline: Timeline) -> set[str]:
    """Sources that covered anything."""
    return set(timeline.coverage["source"])
