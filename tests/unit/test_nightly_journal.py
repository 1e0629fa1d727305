"""What the nightly runs remember."""

import os
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.usecases.nightly_journal import Day, Journal, place

LAST = date(2026, 3, 10)


def ago(days: int) -> date:
    return LAST - timedelta(days=days)


def test_a_store_without_a_day_begins_with_yesterday() -> None:
    assert Journal().due(LAST, None) == [LAST]


def test_missed_nights_are_made_up_for() -> None:
    journal = Journal(days={ago(3): Day(inputs="x")})
    assert journal.due(LAST, None) == [ago(2), ago(1), LAST]


def test_a_day_that_was_begun_and_not_answered_is_due() -> None:
    journal = Journal(days={ago(2): Day(), ago(1): Day(inputs="x"), LAST: Day(inputs="x")})
    assert journal.due(LAST, None) == [ago(2)]


def test_the_first_day_asked_for_fills_gaps_and_repeats_nothing() -> None:
    journal = Journal(days={ago(1): Day(inputs="x")})
    assert journal.due(LAST, ago(3)) == [ago(3), ago(2), LAST]


def test_days_to_come_are_never_due() -> None:
    journal = Journal(days={LAST + timedelta(days=2): Day(inputs="x")})
    assert journal.due(LAST, None) == []


def test_a_failed_night_takes_no_look_from_a_day() -> None:
    days = {ago(number): Day(inputs="x") for number in range(6)}
    assert sorted(Journal(days=days).unsettled(LAST, 2)) == [ago(1), LAST]
    assert sorted(Journal(days=days, looked_to=ago(1)).unsettled(LAST, 2)) == [ago(1), LAST]
    assert sorted(Journal(days=days, looked_to=ago(3)).unsettled(LAST, 2)) == [ago(3), ago(2), ago(1), LAST]
    assert Journal(days=days, looked_to=LAST).unsettled(LAST, 0) == []


def test_a_counter_never_falls() -> None:
    journal = Journal(totals={"scale_in": 5})
    journal.count({}, {"scale_in": 3, "new_node": 1})
    journal.count({"scale_in": 3, "new_node": 1}, {"scale_in": 1, "new_node": 4})
    assert journal.totals == {"scale_in": 8, "new_node": 4}


def test_a_new_night_forgets_the_stages_of_the_last() -> None:
    journal = Journal()
    journal.begin(LAST).done.append("pull")
    assert journal.begin(LAST).done == ["pull"]
    assert journal.begin(LAST + timedelta(days=1)).done == []


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal(
        days={LAST: Day(inputs="a", by_cause={"scale_in": 1}, sent={"slack": "s"}, sending={"mail": "s"})},
        observed_to=datetime.fromisoformat("2026-03-11T02:00:00Z"),
    )
    journal.begin(LAST).done.append("snapshot")
    journal.write(tmp_path)
    assert Journal.read(tmp_path) == journal
    assert Journal.read(tmp_path / "none") == Journal()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema_version": 2}', '{"days": {"x": {}}}', '{"odd": 1}']
)
def test_what_is_no_journal_is_refused_and_left(tmp_path: Path, content: str) -> None:
    path = place(tmp_path)
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(StoreError, match="upgrade forensics, or move the file away"):
        Journal.read(tmp_path)
    assert path.read_text() == content


def test_a_full_disk_leaves_the_former_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal(totals={"scale_in": 1}).write(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="is there space"):
            Journal(totals={"scale_in": 2}).write(tmp_path)
    assert Journal.read(tmp_path).totals == {"scale_in": 1}
    assert [one.name for one in place(tmp_path).parent.iterdir()] == ["journal.json"]
