"""An answer hangs on its window, not on how rows came to lie in files."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.config import Settings
from pipeline.ingest.compaction import compact
from pipeline.ingest.lake import Lake
from pipeline.model import Window
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.pull import pull
from tests.integration.test_cli import DEMO

BEGINS = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store of the whole demo, one file an hour."""
    settings = Settings(store=tmp_path_factory.mktemp("store"))
    pull(str(DEMO / "logs"), None, Window(), None, settings)
    with Lake.open(settings.store) as lake:
        assert compact(lake, min_files=2).files_before > 0
    return settings


def answered(question: Question, settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    with investigate(question, settings) as incident:
        requests = incident.engine.ask("select min(time) as first, max(time) as last from requests")
        return incident.attributions.sort("request_id"), requests


@pytest.mark.parametrize("minutes", [0, 20, 41])
def test_a_store_answers_as_the_logs_do_wherever_in_the_hour_the_window_begins(
    store: Settings, minutes: int
) -> None:
    since = BEGINS + timedelta(hours=9, minutes=minutes)
    window = Window(since, since + timedelta(hours=6, minutes=7))
    as_of = datetime(2026, 6, 1, tzinfo=UTC)
    timeline = DEMO / "timeline"
    kept, of_store = answered(Question(None, timeline, window, as_of=as_of), store)
    read, of_logs = answered(Question(str(DEMO / "logs"), timeline, window, as_of=as_of), store)
    assert kept.height > 20
    assert of_store.equals(of_logs)
    assert kept.drop("object_key").equals(read.drop("object_key"))
