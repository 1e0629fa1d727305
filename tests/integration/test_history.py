"""What AWS has forgotten comes from the store, what is fresh from AWS, and both are one timeline."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline.config import Settings
from pipeline.model import Window
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.pull import pull
from pipeline.usecases.snapshot import snapshot
from tests.support.aws_replay import Replay
from tests.support.recent_day import RecentDay


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=tmp_path / "store")


@pytest.fixture
def forgetful(aws: Replay, settings: Settings) -> Replay:
    """AWS after a snapshot: it has forgotten who was there, and what was called."""
    snapshot(settings, "shop", cluster=False)
    aws.dumps.records.clear()
    aws.dumps.lists["Reservations"].clear()
    aws.dumps.lists["NetworkInterfaces"].clear()
    aws.asked.clear()
    return aws


def asked(day: RecentDay, **more: object) -> Question:
    window = Window(datetime.fromisoformat(day.since), datetime.fromisoformat(day.until))
    return Question(str(day.logs), window=window, load_balancer="shop", **more)  # type: ignore[arg-type]  # fields of Question


def rows(question: Question, settings: Settings) -> dict[str, pl.DataFrame]:
    names = ("events", "coverage", "settings", "lifetimes", "attributions")
    with investigate(question, settings) as incident:
        tables = {name: incident.engine.table(name) for name in names}
        return {name: table.drop("source_ref", strict=False) for name, table in tables.items()}


def sources(tables: dict[str, pl.DataFrame]) -> set[str]:
    return set(tables["events"]["source"])


def test_aws_adds_to_the_history_and_takes_nothing_from_it(
    day: RecentDay, forgetful: Replay, settings: Settings, tmp_path: Path
) -> None:
    alone = rows(asked(day, aws=True), Settings(store=tmp_path / "new"))
    history = rows(asked(day), settings)
    both = rows(asked(day, aws=True), settings)
    assert forgetful.asked
    assert "cloudtrail" not in sources(alone)
    assert {"cloudtrail", "ec2", "autoscaling"} <= sources(both)
    ids = {name: set(found["events"]["event_id"]) for name, found in
           {"alone": alone, "history": history, "both": both}.items()}  # fmt: skip
    assert ids["both"] == ids["alone"] | ids["history"]
    assert both["events"]["event_id"].is_unique().all()


def test_kept_pages_hold_the_history_too_and_replay_the_run_without_the_store(
    day: RecentDay, forgetful: Replay, settings: Settings, tmp_path: Path
) -> None:
    live = rows(asked(day, aws=True, keep_pages=tmp_path / "pages"), settings)
    assert forgetful.asked
    again = rows(asked(day, timeline=tmp_path / "pages"), Settings(store=tmp_path / "none"))
    same = [name for name in live if name != "attributions"]
    assert all(live[name].equals(again[name]) for name in same)
    told = [name for name in live["attributions"].columns if name != "is_provisional"]
    assert live["attributions"].select(told).equals(again["attributions"].select(told))


def test_logs_and_dumps_that_are_both_named_are_all_that_is_read(
    day: RecentDay, forgetful: Replay, settings: Settings, tmp_path: Path
) -> None:
    del forgetful
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps" / "describe-scaling-activities.json").write_text('{"Activities": []}')
    assert sources(rows(asked(day, timeline=tmp_path / "dumps"), settings)) == set()
    assert "cloudtrail" in sources(rows(asked(day), settings))


def test_dumps_add_to_the_history_of_a_store_with_logs(
    day: RecentDay, forgetful: Replay, settings: Settings, tmp_path: Path
) -> None:
    del forgetful
    pull(str(day.logs), None, Window(), "shop", settings)
    (tmp_path / "dumps").mkdir()
    name = "describe-scaling-activities.json"
    (tmp_path / "dumps" / name).write_text((day.aws / name).read_text())
    window = Window(datetime.fromisoformat(day.since), datetime.fromisoformat(day.until))
    told = rows(Question(timeline=tmp_path / "dumps", window=window), settings)
    assert {"autoscaling", "cloudtrail", "ec2"} <= sources(told)
