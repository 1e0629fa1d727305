"""The timeline in the store: put together, let go, never lost in between."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import StoreError
from pipeline.model import COVERAGE, EVENTS, SETTINGS, EventKind
from pipeline.timeline import archive
from pipeline.timeline.base import Findings
from pipeline.timeline.folder import read_timeline

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def night(number: int) -> dict[str, pl.DataFrame]:
    """What a night's dumps tell: some of it told before."""
    findings, at = Findings(), NOW + timedelta(days=number)
    for ago in (0, 1):
        moment = at - timedelta(days=ago)
        ref = f"night {number}"
        findings.event(EventKind.NODE_JOINED, moment, source="ec2", own_id=f"{moment}", source_ref=ref)
    findings.covered("instances", at - timedelta(hours=25), at, f"night {number}")
    findings.setting("lb", "idle_timeout", "60", source="elbv2")
    findings.setting("lb", "old", f"{number}", source="elbv2", valid_from=at - timedelta(days=2), valid_to=at)
    return archive.told(findings)


def filled(store: Path, nights: int) -> Path:
    for number in range(nights):
        archive.keep(store, night(number))
    return store


def told(store: Path) -> dict[str, list[str]]:
    """All that the store tells, without the file that an event was read from: two may tell the same."""
    found = read_timeline(store=store).frames()
    found[EVENTS.name] = found[EVENTS.name].drop("source_ref")
    return {name: sorted(map(str, rows.rows())) for name, rows in found.items()}


def files(store: Path) -> int:
    return len([*store.rglob("*.parquet")])


def test_putting_together_changes_nothing_that_is_told(tmp_path: Path) -> None:
    store = filled(tmp_path, archive.MOST_FILES + 1)
    before = told(store)
    assert archive.tidy(store, None) == 0
    assert told(store) == before
    assert files(store) == 3


def test_readings_between_equal_ones_go_and_the_history_stays(tmp_path: Path) -> None:
    values = [*("60",) * 5, *("90",) * 5, *("60",) * 5]
    for number, value in enumerate(values):
        findings, at = Findings(), NOW + timedelta(days=number)
        findings.setting("lb", "idle_timeout", value, source="elbv2", read_at=at)
        findings.setting("lb", "idle_timeout", "60", source="elbv2 default", read_at=at)
        # Contradicts the dumps after it: a problem that is told with the last of them.
        findings.setting("tg", "delay", "300", source="elbv2", read_at=at)
        findings.setting("tg", "delay", "30", source="cloudtrail", valid_from=NOW + timedelta(days=4))
        archive.keep(tmp_path, archive.told(findings))
    before, problems = told(tmp_path), read_timeline(store=tmp_path).problems
    assert len(before[SETTINGS.name]) == 5
    assert len(problems) == 1
    assert archive.tidy(tmp_path, None) == 0
    assert told(tmp_path) == before
    assert read_timeline(store=tmp_path).problems == problems
    (file,) = tmp_path.glob("settings/*.parquet")
    kept = pl.read_parquet(file).filter(source="elbv2").sort("read_at")
    nights = [(at - NOW).days for at in kept.filter(resource="lb")["read_at"]]
    assert nights == [0, 4, 5, 9, 10, 14]
    assert [(at - NOW).days for at in kept.filter(resource="tg")["read_at"]] == [0, 14]


def test_few_files_are_left_alone(tmp_path: Path) -> None:
    store = filled(tmp_path, 3)
    archive.tidy(store, None)
    assert files(store) == 9


def test_old_rows_go_and_settings_in_force_stay(tmp_path: Path) -> None:
    store = filled(tmp_path, 5)
    cut = NOW + timedelta(days=3)
    assert archive.tidy(store, cut) > 0
    found = read_timeline(store=store).frames()
    assert found[EVENTS.name]["occurred_at"].min() == cut
    assert found[COVERAGE.name]["covered_from"].min() == cut - timedelta(hours=25)
    assert sorted(found[SETTINGS.name]["value"]) == ["3", "4", "60"]
    assert archive.tidy(store, cut) == 0


def test_a_crash_between_the_new_file_and_the_old_ones_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path, archive.MOST_FILES + 1)
    before = told(store)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", crash)
        with pytest.raises(KeyboardInterrupt):
            archive.tidy(store, None)
    assert told(store) == before
    archive.tidy(store, None)
    assert told(store) == before


def test_what_a_crash_left_unfinished_goes_when_it_is_old(tmp_path: Path) -> None:
    store = filled(tmp_path, 1)
    old, young = (store / "events" / f"{name}.1.partial" for name in ("old", "young"))
    old.touch()
    young.touch()
    os.utime(old, (1, 1))
    archive.tidy(store, None)
    assert not old.exists()
    assert young.exists()


def test_a_reader_looks_again_when_files_are_put_together_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path, archive.MOST_FILES + 1)
    before = told(store)
    read, tidied = pl.read_parquet, list[bool]()

    def slow(path: Path) -> pl.DataFrame:
        if not tidied:
            tidied.append(True)
            archive.tidy(store, None)
        return read(path)

    monkeypatch.setattr(pl, "read_parquet", slow)
    assert told(store) == before


def test_a_full_disk_is_a_sentence_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path, archive.MOST_FILES + 1)
    before = told(store)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="is there space"):
            archive.tidy(store, None)
    assert told(store) == before
