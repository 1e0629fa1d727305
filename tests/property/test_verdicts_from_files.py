"""Invariants end to end, from files to verdicts, on small simulated clusters."""

import random
import shutil
import tempfile
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.usecases.scoring import read_truth
from tests.support import tiny_world
from tests.support.depth import deep

WORLDS = (
    "mixed_hard",
    "mixed_platform",
    "mixed_servers",
    "mixed_no_k8s_no_cloudtrail",
    "mixed_logs_only",
    "scale_in_abrupt",
    "draining_nodeport",
    "crash_ip",
    "harmless_churn",
)
worlds = st.tuples(st.sampled_from(WORLDS), st.integers(1, 3))
few = settings(
    max_examples=deep(2, 8),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a world is nothing that could be made smaller
)
CLOSE = 1e-3
made: list[Path] = []


@cache
def usual(scenario: str, seed: int) -> tuple[Path, pl.DataFrame, pl.DataFrame]:
    """The world's folder and what it gives unchanged; made once."""
    folder = Path(tempfile.mkdtemp())
    made.append(folder)
    tiny_world.make(scenario, seed, folder)
    return folder, *tiny_world.verdicts(folder)


@pytest.fixture(scope="module", autouse=True)
def _clean_up() -> object:
    yield
    while made:
        shutil.rmtree(made.pop(), ignore_errors=True)
    usual.cache_clear()


@few
@given(worlds)
def test_every_line_of_the_truth_gets_exactly_one_verdict(world: tuple[str, int]) -> None:
    folder, found, _ = usual(*world)
    truth = read_truth(folder / "truth.jsonl")
    assert truth.height > 0
    assert found["trace_id"].to_list() == sorted(truth["trace_id"])
    assert found["request_id"].n_unique() == found.height


@few
@given(worlds)
def test_the_probabilities_of_an_errors_candidates_sum_to_one(world: tuple[str, int]) -> None:
    _, found, sums = usual(*world)
    assert sums.height == found.height
    assert sums["probability"].null_count() == 0
    assert ((sums["probability"] - 1.0).abs() < 1e-6).all()
    assert (found["confidence"] + found["runner_up_confidence"].fill_null(0.0) <= 1.0 + 1e-6).all()


@pytest.mark.parametrize("change", sorted(tiny_world.CHANGES))
@few
@given(world=worlds, seed=st.integers(0, 1000))
def test_what_tells_nothing_new_changes_no_verdict(change: str, world: tuple[str, int], seed: int) -> None:
    original, before, _ = usual(*world)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "changed"
        shutil.copytree(original, folder)
        tiny_world.CHANGES[change](folder, random.Random(seed))  # noqa: S311 - a test's shuffle
        after, _ = tiny_world.verdicts(folder)
    assert before["trace_id"].equals(after["trace_id"])
    assert before["cause"].to_list() == after["cause"].to_list()
    assert (before["confidence"] - after["confidence"]).abs().max() == pytest.approx(0.0, abs=CLOSE)


@few
@given(world=worlds, days=st.integers(1, 400))
def test_the_same_incident_on_another_day_gets_the_same_verdicts(world: tuple[str, int], days: int) -> None:
    _, before, _ = usual(*world)
    with tempfile.TemporaryDirectory() as name:
        after, _ = tiny_world.verdicts(tiny_world.make(*world, Path(name), days_later=days))
    assert before["cause"].to_list() == after["cause"].to_list()
    assert before["runner_up"].to_list() == after["runner_up"].to_list()
    assert (before["confidence"] - after["confidence"]).abs().max() == pytest.approx(0.0, abs=CLOSE)
