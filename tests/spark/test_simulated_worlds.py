"""Simulated incidents on both engines: the same requests, candidates and verdicts, sentences included."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from fixtures.world.run import generate
from fixtures.world.scenarios import SCENARIOS
from pipeline.attribute import causes
from pipeline.config import Settings
from pipeline.engine import Engine
from pipeline.usecases.incident import Question, investigate
from tests.support.engines_compared import differences

pytestmark = pytest.mark.spark

WORLDS = ("mixed_hard", "mixed_platform", "mixed_servers", "idle_flows")
SEED = 41
TABLES = ("requests", "candidates", "attributions")
PARTS = 8
UNSEEN = {"elb_event", "h2_goaway"}
"""Causes of which the simulator has no incident."""
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)

Answers = dict[str, pl.DataFrame]


def answered(world: Path, settings: Settings) -> Answers:
    question = Question(logs=str(world / "logs"), timeline=world / "timeline", as_of=AS_OF)
    with investigate(question, settings) as incident:
        return {name: fetched(incident.engine, name) for name in TABLES}


def fetched(engine: Engine, name: str) -> pl.DataFrame:
    """A table; the requests in parts, one result of all of them is more than Spark's process may keep."""
    if name != "requests":
        return engine.table(name)
    parts = (f"line_number % {PARTS} = {part}" for part in range(PARTS))
    return pl.concat([engine.ask(f"select * from requests where {part}") for part in parts])  # noqa: S608 - ours


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @cache
    def made(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        generate(SCENARIOS[name](SEED), folder)
        return folder

    return made


@pytest.fixture(scope="module")
def on_duckdb(world: Callable[[str], Path]) -> Callable[[str], Answers]:
    return cache(lambda name: answered(world(name), Settings()))


@pytest.fixture(scope="module")
def on_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One session for all worlds, and no shared folder: rows and tables lie at a URI."""
    from pipeline.engine.spark import SparkEngine

    shared = tmp_path_factory.mktemp("shared")
    with SparkEngine("local[2]", str(shared)):
        yield Settings(engine="spark", master="local[2]", shared=shared.as_uri())


def test_the_worlds_show_every_cause_that_the_simulator_has(on_duckdb: Callable[[str], Answers]) -> None:
    shown = {cause for name in WORLDS for cause in on_duckdb(name)["candidates"]["cause"]}
    assert shown == {cause.id for cause in causes.load()} - UNSEEN


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_gets_the_same_answers(
    name: str, world: Callable[[str], Path], on_duckdb: Callable[[str], Answers], on_spark: Settings
) -> None:
    ours, theirs = answered(world(name), on_spark), on_duckdb(name)
    assert theirs["attributions"].height
    assert [line for table in TABLES for line in differences(ours[table], theirs[table])] == []
