"""The drawing of the hazard: every error in one bar, the interval where it belongs."""

from typing import Any

import polars as pl
import pytest

from pipeline.engine.duckdb import Engine
from pipeline.model import KEEPALIVE_HAZARD
from pipeline.report.hazard import HEIGHT, WIDTH, figures

ARN = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/0123"
ESTIMATE = {
    "target_group_arn": ARN,
    "verdict": "estimated",
    "low": 4.9,
    "high": 5.1,
    "idle_timeout_s": 60.0,
    "sentence": "web: five",
}


def drawn(rows: list[tuple[float, int, int]], **changes: object) -> list[dict[str, Any]]:
    hazard = pl.DataFrame(
        [(ARN, *row) for row in rows],
        schema=["target_group_arn", "pause_s", "requests", "errors"],
        orient="row",
    )
    estimate = ESTIMATE | changes
    with Engine() as engine:
        engine.attach("keepalive_hazard", hazard.to_arrow().cast(KEEPALIVE_HAZARD.schema))
        engine.attach("keepalive_estimates", pl.DataFrame([estimate]))
        return figures(engine, [estimate])


def test_bars_hold_errors_over_requests_and_the_tallest_fills_the_drawing() -> None:
    (figure,) = drawn([(0.1, 10_000, 1), (1.0, 1_000, 0), (5.0, 100, 10), (20.0, 50, 0)])
    bars = figure["bars"]
    assert [bar["height"] for bar in bars] == [pytest.approx(0.2, abs=0.2), HEIGHT]
    assert "10 of 1" in bars[1]["title"]
    low, high = figure["band"]
    assert 0 < low < high < figure["balancer"] < WIDTH
    assert bars[1]["left"] <= high


def test_a_group_whose_timeout_cannot_be_told_is_not_drawn() -> None:
    assert drawn([(0.1, 100, 1)], verdict="cannot_tell") == []
