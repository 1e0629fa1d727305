"""The digest of what a day rests on: what changes it, and what does not."""

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest.compaction import compact
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import COVERAGE, EVENTS, METRICS, SETTINGS, EventKind, Window
from pipeline.timeline.base import Findings, frame
from pipeline.usecases.nightly_inputs import digest, listing
from tests.support.alb_lines import object_key, object_lines

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Frames = dict[str, pl.DataFrame]


def read(lake: Lake, logs: Path) -> None:
    pull(str(logs), lake, Window())


def put(logs: Path, number: int, end: datetime, seed: int | None = None) -> None:
    path = logs / object_key(number, end)
    path.parent.mkdir(parents=True, exist_ok=True)
    start = end - timedelta(minutes=5)
    lines = object_lines(number if seed is None else seed, 10, start=start)
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))


def frames(change: Callable[[Findings], None] | None = None) -> Frames:
    """A timeline; ``change`` adds to it."""
    findings = Findings()
    findings.event(EventKind.NODE_JOINED, NOON, source="ec2", own_id="1", source_ref="night 1")
    findings.covered("instances", NOON - timedelta(days=1), NOON + timedelta(days=1), "night 1")
    findings.setting("lb", "idle_timeout", "60", source="elbv2")
    if change is not None:
        change(findings)
    for row in findings.settings:
        row.pop("read_at", None)
    return {
        EVENTS.name: findings.events_frame(),
        COVERAGE.name: findings.coverage_frame(),
        SETTINGS.name: frame(SETTINGS, findings.settings),
        METRICS.name: findings.metrics_frame(),
    }


def test_late_lines_change_their_day_and_its_neighbour_only_near_midnight(lake: Lake, tmp_path: Path) -> None:
    logs, days = tmp_path / "logs", [DAY - timedelta(days=1), DAY, DAY + timedelta(days=1)]
    put(logs, 1, NOON)
    read(lake, logs)
    before = [digest(lake, frames(), day) for day in days]
    put(logs, 2, NOON + timedelta(hours=3))
    read(lake, logs)
    after = [digest(lake, frames(), day) for day in days]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    put(logs, 3, datetime(2026, 3, 3, 0, 30, tzinfo=UTC))
    read(lake, logs)
    last = [digest(lake, frames(), day) for day in days]
    assert [a == b for a, b in zip(after, last, strict=True)] == [True, False, False]


def test_other_content_of_a_known_object_changes_it(lake: Lake, tmp_path: Path) -> None:
    put(tmp_path / "logs", 1, NOON)
    read(lake, tmp_path / "logs")
    before = digest(lake, frames(), DAY)
    put(tmp_path / "logs", 1, NOON, seed=9)
    read(lake, tmp_path / "logs")
    assert digest(lake, frames(), DAY) != before


def test_compaction_and_copies_change_nothing(lake: Lake, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    for number in range(12):
        put(logs, number, datetime(2026, 3, 1, 23, 5, tzinfo=UTC) + timedelta(minutes=5 * number))
        read(lake, logs)
    put(logs, 99, NOON)
    read(lake, logs)
    before = digest(lake, frames(), DAY), digest(lake, frames(), DAY - timedelta(days=1))
    assert compact(lake).files_before > 0
    put(logs / "again", 99, NOON)
    read(lake, logs)
    assert (digest(lake, frames(), DAY), digest(lake, frames(), DAY - timedelta(days=1))) == before


def happened(kind: EventKind, at: datetime, own_id: str) -> Callable[[Findings], None]:
    """One more event, read in another night."""

    def add(findings: Findings) -> None:
        findings.event(kind, at, source="ec2", own_id=own_id, source_ref="night 2")

    return add


SAME: dict[str, Callable[[Findings], None]] = {
    "an event read again from another file": happened(EventKind.NODE_JOINED, NOON, "1"),
    "an event after the day": happened(EventKind.NODE_JOINED, NOON + timedelta(days=1), "2"),
    "a second look at the same hours": lambda f: f.covered(
        "instances", NOON - timedelta(hours=3), NOON + timedelta(days=2), "night 2"
    ),
    "a setting that is changed after the day": lambda f: f.setting(
        "lb", "other", "1", source="cloudtrail", valid_from=NOON + timedelta(days=2)
    ),
}
OTHER: dict[str, Callable[[Findings], None]] = {
    "a late event": happened(EventKind.NODE_LEFT, NOON, "1"),
    "an event of some days before": happened(EventKind.NODE_JOINED, NOON - timedelta(days=5), "3"),
    "another source": lambda f: f.covered("pods", NOON, NOON, "night 2"),
    "a setting of the day": lambda f: f.setting("lb", "idle_timeout", "30", source="elbv2", valid_from=NOON),
    "counts of CloudWatch": lambda f: f.metric("app/lb/1", None, "HTTPCode_ELB_502_Count", NOON, 3.0),
}


@pytest.mark.parametrize("what", SAME)
def test_it_stays(lake: Lake, what: str) -> None:
    assert digest(lake, frames(SAME[what]), DAY) == digest(lake, frames(), DAY)


@pytest.mark.parametrize("what", OTHER)
def test_it_changes(lake: Lake, what: str) -> None:
    assert digest(lake, frames(OTHER[what]), DAY) != digest(lake, frames(), DAY)


def test_the_order_of_rows_is_nothing(lake: Lake) -> None:
    turned = {name: rows.reverse() for name, rows in frames(OTHER["a late event"]).items()}
    assert digest(lake, turned, DAY) == digest(lake, frames(OTHER["a late event"]), DAY)


def test_dumps_are_known_again_by_names_sizes_and_times(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    first = listing(tmp_path)
    assert listing(tmp_path) == first
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.json").write_text("{}")
    assert listing(tmp_path) != first
