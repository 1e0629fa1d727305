"""The chart of the hazard: every error in one bar, both timeouts in their places."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.engine.duckdb import Engine
from pipeline.model import KEEPALIVE_ESTIMATES, KEEPALIVE_HAZARD
from pipeline.report.charts import keepalive
from pipeline.report.charts.base import Chart, scene_of
from pipeline.report.summary import summarise
from tests.support.incident import incident, table

ARN = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/0123"
ESTIMATE: dict[str, Any] = {
    "target_group_arn": ARN,
    "timeout_s": 5.0,
    "low": 4.9,
    "high": 5.1,
    "closes": 12,
    "errors": 11,
    "errors_at_timeout": 10,
    "exposure": 11_150,
    "verdict": "estimated",
    "idle_timeout_s": 60.0,
    "is_idle_timeout_known": True,
    "is_race_possible": True,
}


def drawn(hazard: list[tuple[float, int, int]], *estimates: dict[str, Any]) -> Chart | None:
    columns = ("target_group_arn", "pause_s", "requests", "errors")
    rows = [
        dict(zip(columns, (one["target_group_arn"], *row), strict=True))
        for one in estimates
        for row in hazard
    ]
    with Engine() as engine:
        incident(scale=0.1).attach(engine)
        engine.attach("keepalive_hazard", pl.DataFrame(table(KEEPALIVE_HAZARD, rows)))
        engine.attach("keepalive_estimates", pl.DataFrame(table(KEEPALIVE_ESTIMATES, estimates)))
        scene = scene_of(engine, summarise(engine))
        assert scene is not None
        return keepalive.draw(scene)


def test_bars_hold_errors_over_requests_and_cover_their_pauses() -> None:
    chart = drawn([(0.1, 10_000, 1), (1.0, 1_000, 0), (5.0, 100, 10), (20.0, 50, 0)], ESTIMATE)
    assert chart is not None
    (bars,) = chart.figure.data
    assert list(bars.y) == [pytest.approx(0.1), pytest.approx(100.0)]
    assert bars.x[1] - bars.width[1] / 2 <= 5.0 < bars.x[1] + bars.width[1] / 2
    assert "10 of 100 requests failed" in bars.hovertext[1]
    band, line = chart.figure.layout.shapes
    assert (band.x0, band.x1, line.x0) == (4.9, 5.1, 60.0)
    assert 10 ** chart.figure.layout.xaxis.range[1] > 60.0
    closes = next(note for note in chart.figure.layout.annotations if note.text == "load balancer closes")
    assert closes.x == pytest.approx(np.log10(60.0))  # annotations on a logarithmic axis count its powers


def test_every_group_has_a_panel_and_a_label_of_its_own() -> None:
    other = ESTIMATE | {"target_group_arn": ARN.replace("web", "<b>api"), "idle_timeout_s": 30.0}
    chart = drawn([(5.0, 100, 10)], ESTIMATE, other)
    assert chart is not None
    titles = [note.text for note in chart.figure.layout.annotations]
    assert titles[:2] == ["&lt;b&gt;api", "web"]
    assert [shape.x0 for shape in chart.figure.layout.shapes if shape.type == "line"] == [30.0, 60.0]


def test_a_group_whose_timeout_cannot_be_told_is_not_drawn() -> None:
    untold = ESTIMATE | {"verdict": "cannot_tell", "timeout_s": None, "low": None, "high": None}
    assert drawn([(0.1, 100, 1)], untold) is None
