"""Dumps whose clock cannot be the log's."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.model import EVENTS
from pipeline.timeline.base import frame
from pipeline.timeline.clocks import disagreements

START = datetime(2026, 3, 2, tzinfo=UTC)


def sightings(count: int = 6) -> pl.DataFrame:
    rows = [("10.0.0.1", START)] + [
        (f"10.0.1.{n}", START + timedelta(hours=2 + n, minutes=7 * n)) for n in range(count)
    ]
    return pl.DataFrame(
        {
            "target_ip": [ip for ip, _ in rows],
            "first_seen_at": [at for _, at in rows],
            "last_seen_at": [START + timedelta(hours=20)] * len(rows),
        }
    )


def joins(seen: pl.DataFrame, shift: timedelta) -> pl.DataFrame:
    rows = [
        {
            "event_id": str(n),
            "occurred_at": at - timedelta(seconds=40) + shift,
            "uncertainty_s": 1.0,
            "source": "cloudtrail",
            "kind": "target_registered",
            "private_ip": ip,
            "source_ref": f"{'ab'[n % 2]}.json#2 Records[{n}]",
        }
        for n, (ip, at) in enumerate(seen.select("target_ip", "first_seen_at").iter_rows())
    ]
    return frame(EVENTS, rows)


@pytest.mark.parametrize("seconds", [-120, -2, 0, 2, 90])
def test_clocks_that_agree_give_no_sentence(seconds: int) -> None:
    seen = sightings()
    assert disagreements(joins(seen, timedelta(seconds=seconds)), seen) == []


@pytest.mark.parametrize(
    ("hours", "word"), [(1.0, "ahead of"), (-2.0, "behind"), (5.5, "ahead of"), (-8.0, "behind")]
)
def test_a_shift_by_hours_is_named(hours: float, word: str) -> None:
    seen = sightings()
    (problem,) = disagreements(joins(seen, timedelta(hours=hours)), seen)
    assert problem.ref == "a.json, b.json"
    assert f"{abs(hours):.1f} h {word}" in problem.what
    assert problem.is_loss


def test_two_appearances_are_too_few_to_tell() -> None:
    seen = sightings(2)
    assert disagreements(joins(seen, timedelta(hours=1)), seen) == []


def test_a_timeline_of_another_month_is_named() -> None:
    seen = sightings()
    (problem,) = disagreements(joins(seen, timedelta(days=40)), seen)
    assert "another time" in problem.what


def test_nothing_to_compare_gives_no_sentence() -> None:
    assert disagreements(frame(EVENTS, []), sightings()) == []
    assert disagreements(joins(sightings(), timedelta()), sightings().clear()) == []
