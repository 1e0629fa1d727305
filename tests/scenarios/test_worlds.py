"""Whole simulated clusters, end to end: files in, verdicts out, compared with the truth."""

from pathlib import Path

import polars as pl
import pytest

from fixtures.world.run import generate
from fixtures.world.scenarios import SCENARIOS
from pipeline import config
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.scoring import Score, read_truth, score


def judged(scenario: str, seed: int, folder: Path) -> tuple[pl.DataFrame, Score]:
    generate(SCENARIOS[scenario](seed), folder)
    with investigate(Question(str(folder / "logs"), folder / "timeline"), config.load()) as incident:
        return incident.attributions, score(incident.attributions, read_truth(folder / "truth.jsonl"))


def test_harmless_deploys_every_few_minutes_collect_none_of_a_background_race(tmp_path: Path) -> None:
    """The base-rate trap."""
    found, _ = judged("placebo", 31, tmp_path)
    collected = (found["cause"] == "draining_pod").sum()
    assert found.height > 50
    assert collected <= 0.02 * found.height


@pytest.mark.parametrize(
    ("scenario", "least"),
    [
        ("scale_in_abrupt", 0.9),
        ("draining_ip", 0.9),
        ("crash_ip", 0.9),
        ("keepalive_sparse", 0.9),
        ("new_node", 0.9),
    ],
)
def test_one_fault_at_a_time_is_named(scenario: str, least: float, tmp_path: Path) -> None:
    _, result = judged(scenario, 32, tmp_path)
    assert result.accuracy >= least, result.confusion


def test_a_truth_without_verdict_counts_as_wrong() -> None:
    truth = pl.DataFrame({"trace_id": ["a", "b"], "truth": ["scale_in", "scale_in"]})
    said = pl.DataFrame({"trace_id": ["a"], "cause": ["scale_in"], "confidence": [0.9]})
    result = score(said, truth)
    assert result.accuracy == 0.5
    assert result.per_cause["recall"].to_list() == [0.5]
    assert result.calibration_error == pytest.approx(0.05)
