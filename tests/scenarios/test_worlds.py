"""Whole simulated clusters, end to end: files in, verdicts out, compared with the truth."""

from pathlib import Path

import polars as pl
import pytest

from fixtures.world.run import generate
from fixtures.world.scenarios import SCENARIOS
from pipeline import config
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.scoring import Score, read_truth, score
from tests.benchmarks.judged import BACKGROUND, OF_EVENTS


def judged(scenario: str, seed: int, folder: Path) -> tuple[pl.DataFrame, Score]:
    generate(SCENARIOS[scenario](seed), folder)
    with investigate(Question(str(folder / "logs"), folder / "timeline"), config.load()) as incident:
        return incident.attributions, score(incident.attributions, read_truth(folder / "truth.jsonl"))


@pytest.mark.parametrize("scenario", ["placebo", "harmless_churn"])
def test_harmless_churn_collects_none_of_a_background(scenario: str, tmp_path: Path) -> None:
    """The base-rate trap: deploys, drained nodes and edits every few minutes."""
    found, _ = judged(scenario, 31, tmp_path)
    truth = read_truth(tmp_path / "truth.jsonl").filter(pl.col("truth").is_in(BACKGROUND))
    background = truth.join(found, on="trace_id")
    assert background.height > 50
    assert background["cause"].is_in(OF_EVENTS).sum() <= 0.02 * background.height


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
