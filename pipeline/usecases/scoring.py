"""Verdicts against a known truth: confusion, F1 per cause, calibration."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

_BINS = 10


@dataclass(frozen=True)
class Score:
    """How good a set of verdicts is.

    Attributes:
        confusion: rows ``truth``, ``cause``, ``errors``.
        per_cause: rows ``cause``, ``errors`` (true ones), ``precision``, ``recall``, ``f1``.
        accuracy: share of right verdicts.
        macro_f1: mean F1 over the causes that truly occur.
        calibration_error: expected calibration error over ten bins of confidence.
        brier: mean squared distance of the confidence from right (1) or wrong (0).
    """

    confusion: pl.DataFrame
    per_cause: pl.DataFrame
    accuracy: float
    macro_f1: float
    calibration_error: float
    brier: float


def read_truth(path: Path) -> pl.DataFrame:
    """Rows ``trace_id``, ``truth`` of a simulated world's truth file (JSON lines)."""
    return pl.read_ndjson(path, schema_overrides={"trace_id": pl.String, "cause": pl.String}).select(
        "trace_id", pl.col("cause").alias("truth")
    )


def score(attributions: pl.DataFrame, truth: pl.DataFrame) -> Score:
    """Compare verdicts with the truth, matched by trace id; an error without verdict counts as wrong."""
    judged = truth.join(
        attributions.select("trace_id", "cause", "confidence"), on="trace_id", how="left"
    ).with_columns(pl.col("cause").fill_null("(none)"), pl.col("confidence").fill_null(0.0))
    is_right = (judged["truth"] == judged["cause"]).to_numpy()
    confidence = judged["confidence"].to_numpy()
    per_cause = _per_cause(judged)
    return Score(
        confusion=judged.group_by("truth", "cause").agg(pl.len().alias("errors")).sort("truth", "cause"),
        per_cause=per_cause,
        accuracy=float(is_right.mean()) if judged.height else 1.0,
        macro_f1=float(np.mean(per_cause["f1"].to_numpy())) if per_cause.height else 1.0,
        calibration_error=_calibration_error(confidence, is_right),
        brier=float(np.mean((confidence - is_right) ** 2)) if judged.height else 0.0,
    )


def _per_cause(judged: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for cause in judged["truth"].unique().sort():
        hits = judged.filter((pl.col("truth") == cause) & (pl.col("cause") == cause)).height
        true = judged.filter(pl.col("truth") == cause).height
        said = judged.filter(pl.col("cause") == cause).height
        precision, recall = hits / said if said else 0.0, hits / true
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        rows.append((cause, true, precision, recall, f1))
    return pl.DataFrame(rows, schema=["cause", "errors", "precision", "recall", "f1"], orient="row")


def _calibration_error(confidence: np.ndarray, is_right: np.ndarray) -> float:
    if not len(confidence):
        return 0.0
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(float(confidence[bins == one].mean() - is_right[bins == one].mean()))
        * float((bins == one).mean())
        for one in np.unique(bins)
    ]
    return float(sum(gaps))
