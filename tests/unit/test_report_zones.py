"""Errors per pair of zones: every one in its place, and nothing is drawn where no zone is known."""

import pytest

from pipeline.engine.duckdb import Engine
from pipeline.report.charts import zones
from pipeline.report.charts.base import Chart, scene_of
from pipeline.report.summary import summarise
from tests.support.incident import Incident, incident


def drawn(story: Incident) -> Chart | None:
    with Engine() as engine:
        story.attach(engine)
        scene = scene_of(engine, summarise(engine))
        assert scene is not None
        return zones.draw(scene)


def test_every_error_is_in_one_pair_of_zones_and_the_sums_hold_all() -> None:
    story = incident()
    chart = drawn(story)
    assert chart is not None
    rows = chart.tables["zones"]
    assert rows["errors"].sum() == len(story.attributions)
    heat = chart.figure.data[0]
    assert list(heat.x) == ["eu-central-1a", "eu-central-1b", "all zones"]
    assert list(heat.y) == ["eu-central-1a", "eu-central-1b", "all zones"]
    assert f"{len(story.attributions):,} errors" in heat.text[2][2]
    shares = {
        (r["balancer_zone"], r["target_zone"]): r["errors"] / r["requests"]
        for r in rows.iter_rows(named=True)
    }
    assert heat.z[0][1] == pytest.approx(100 * shares["eu-central-1a", "eu-central-1b"])


def test_a_zone_that_nobody_told_has_its_own_row_and_column() -> None:
    story = incident()
    story.target_zones = [one for one in story.target_zones if one[0] == "10.0.1.20"]
    chart = drawn(story)
    assert chart is not None
    assert list(chart.figure.data[0].x)[1:] == ["zone unknown", "all zones"]
    assert chart.tables["zones"]["errors"].sum() == len(story.attributions)


def test_a_single_zone_needs_no_sum_and_no_zone_no_chart() -> None:
    story = incident()
    story.target_zones = [(address, "eu-central-1a") for address, _ in story.target_zones]
    chart = drawn(story)
    assert chart is not None
    assert list(chart.figure.data[0].x) == ["eu-central-1a"]
    story.target_zones, story.settings = [], []
    assert drawn(story) is None
