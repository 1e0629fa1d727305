"""Simulated incidents on both engines: the same requests, candidates and verdicts, sentences included."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from fixtures.world.run import generate
from fixtures.world.scenarios import SCENARIOS
from pipeline.attribute import causes
from pipeline.config import Settings
from pipeline.usecases.incident import Question, investigate
from tests.support.engines_compared import differences

pytestmark = pytest.mark.spark

WORLDS = ("mixed_hard", "mixed_platform", "mixed_servers", "mixed_logs_only", "idle_flows")
SEED = 41
TABLES = ("requests", "candidates", "attributions")
UNSEEN = {"elb_event", "h2_goaway"}
"""Causes of which the simulator has no incident."""
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)

Answers = dict[str, pl.DataFrame]


def answered(world: Path, settings: Settings) -> Answers:
    question = Question(logs=str(world / "logs"), timeline=world / "timeline", as_of=AS_OF)
    with investigate(question, settings) as incident:
        return {name: incident.engine.table(name) for name in TABLES}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name in WORLDS}
    for name, folder in folders.items():
        generate(SCENARIOS[name](SEED), folder)
    return folders


@pytest.fixture(scope="module")
def on_duckdb(worlds: dict[str, Path]) -> dict[str, Answers]:
    return {name: answered(folder, Settings()) for name, folder in worlds.items()}


@pytest.fixture(scope="module")
def on_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One session for all worlds, and no shared folder: rows and tables lie at a URI."""
    from pipeline.engine.spark import SparkEngine

    shared = tmp_path_factory.mktemp("shared")
    with SparkEngine("local[2]", str(shared)):
        yield Settings(engine="spark", master="local[2]", shared=shared.as_uri())


def test_the_worlds_show_every_cause_that_the_simulator_has(on_duckdb: dict[str, Answers]) -> None:
    shown = {cause for answers in on_duckdb.values() for cause in answers["candidates"]["cause"]}
    assert shown == {cause.id for cause in causes.load()} - UNSEEN


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_gets_the_same_answers(
    name: str, worlds: dict[str, Path], on_duckdb: dict[str, Answers], on_spark: Settings
) -> None:
    ours, theirs = answered(worlds[name], on_spark), on_duckdb[name]
    assert theirs["attributions"].height
    assert [line for table in TABLES for line in differences(ours[table], theirs[table])] == []
