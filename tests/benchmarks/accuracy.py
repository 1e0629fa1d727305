"""How right the verdicts are, on simulated clusters: confusion per scenario, F1, calibration.

    python -m tests.benchmarks.accuracy                      every scenario, fresh seeds (from the clock)
    python -m tests.benchmarks.accuracy --seeds 101 102 --scenarios placebo mixed_hard

Seeds used while the rules were written are 1 to 20; the printed ones make a run repeatable.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from pipeline import config
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.scoring import read_truth, score

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Generate, attribute, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[int(time.time()) % 1_000_000 + 1000])
    parser.add_argument("--scenarios", nargs="*", default=scenario_names())
    options = parser.parse_args()
    print(f"seeds {options.seeds}")
    print_table(pl.concat(run(scenario, seed) for scenario in options.scenarios for seed in options.seeds))


def scenario_names() -> list[str]:
    """Names that the simulator lists."""
    listed = subprocess.run(
        [sys.executable, "-m", "fixtures.world", "--list"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]


def run(scenario: str, seed: int) -> pl.DataFrame:
    """Rows ``scenario, trace_id, truth, cause, confidence`` of one simulated cluster."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "fixtures.world",
                "--scenario",
                scenario,
                "--seed",
                str(seed),
                "--out",
                folder,
            ],
            check=True,
            cwd=ROOT,
            capture_output=True,
        )
        place = Path(folder)
        truth = read_truth(place / "truth.jsonl")
        question = Question(logs=str(place / "logs"), timeline=place / "timeline")
        with investigate(question, config.load()) as incident:
            found = incident.attributions.select(
                "trace_id", "cause", "confidence", "failure_class", "runner_up"
            )
        one = score(found, truth)
        print(
            f"{scenario:28s} seed {seed:<8d} {truth.height:6d} errors  accuracy {one.accuracy:.3f}  "
            f"macro-F1 {one.macro_f1:.3f}  ECE {one.calibration_error:.3f}  Brier {one.brier:.3f}",
            flush=True,
        )
        for (true, said), count in sorted(confusions(found, truth).items()):
            print(f"    {true:30s} called {said:30s} {count:6d}")
        return truth.join(found, on="trace_id", how="left").with_columns(pl.lit(scenario).alias("scenario"))


def confusions(found: pl.DataFrame, truth: pl.DataFrame) -> Counter[tuple[str, str]]:
    """Wrong verdicts by (truth, verdict)."""
    joined = truth.join(found, on="trace_id", how="left")
    wrong = joined.filter(pl.col("truth") != pl.col("cause").fill_null("(none)"))
    return Counter((true, said or "(none)") for true, said in wrong.select("truth", "cause").iter_rows())


def print_table(judged: pl.DataFrame) -> None:
    """Overall score, per cause, and the reliability of the confidence."""
    total = score(judged.select("trace_id", "cause", "confidence"), judged.select("trace_id", "truth"))
    print(
        f"\nall scenarios: accuracy {total.accuracy:.3f}  macro-F1 {total.macro_f1:.3f}  "
        f"ECE {total.calibration_error:.3f}  Brier {total.brier:.3f}\n"
    )
    for cause, errors, precision, recall, f1 in total.per_cause.iter_rows():
        print(f"{cause:30s} {errors:7d} errors  precision {precision:.3f}  recall {recall:.3f}  F1 {f1:.3f}")
    print("\nconfidence    errors  said   right")
    right = (judged["truth"] == judged["cause"]).fill_null(value=False).to_numpy()
    confidence = judged["confidence"].fill_null(0.0).to_numpy()
    edges = np.array([0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0001])
    for low, high in pairwise(edges):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            said, true = confidence[inside].mean(), right[inside].mean()
            print(f"{low:4.2f} - {min(high, 1.0):4.2f}  {inside.sum():7d}  {said:.3f}  {true:.3f}")


if __name__ == "__main__":
    main()
