"""The zones: from settings to addresses to errors per pair of zones; nothing is drawn where none is known."""

from typing import Any

import polars as pl
import pytest

from pipeline.engine.duckdb import Engine
from pipeline.model import LIFETIMES, SETTINGS
from pipeline.report.charts import zones
from pipeline.report.charts.base import Chart, scene_of
from pipeline.report.summary import summarise
from tests.support.incident import Incident, incident, table


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
    story.zones = [one for one in story.zones if one[0] in {"10.0.0.7", "10.0.1.20"}]
    chart = drawn(story)
    assert chart is not None
    assert list(chart.figure.data[0].x)[1:] == ["zone unknown", "all zones"]
    assert chart.tables["zones"]["errors"].sum() == len(story.attributions)


def test_a_single_zone_needs_no_sum_and_no_zone_no_chart() -> None:
    story = incident()
    story.zones = [(address, "eu-central-1a") for address, _ in story.zones]
    chart = drawn(story)
    assert chart is not None
    assert list(chart.figure.data[0].x) == ["eu-central-1a"]
    story.zones = []
    assert drawn(story) is None


def test_addresses_get_the_zone_of_their_node_instance_or_balancer_node() -> None:
    settings = [
        ("node/ip-10-0-1-9", "availability_zone", "a"),
        ("instance/i-1", "availability_zone", "b"),
        ("elb_node/10.0.0.7", "availability_zone", "c"),
        ("instance/i-1", "state", "running"),
    ]
    lifetimes: list[dict[str, Any]] = [
        {"lifetime_id": "1", "kind": "node", "private_ip": "10.0.1.9", "node_name": "ip-10-0-1-9"},
        {"lifetime_id": "2", "kind": "pod", "private_ip": "10.0.9.9", "node_name": "ip-10-0-1-9"},
        {"lifetime_id": "3", "kind": "node", "private_ip": "10.0.1.8", "instance_id": "i-1"},
        {"lifetime_id": "4", "kind": "node", "private_ip": "10.0.1.7", "instance_id": "i-2"},
    ]
    with Engine() as engine:
        rows = [dict(zip(("resource", "setting", "value"), one, strict=True)) for one in settings]
        engine.attach("settings", table(SETTINGS, rows))
        engine.attach("lifetimes", table(LIFETIMES, lifetimes))
        found = engine.frame("intermediate/address_zones").sort("address")
    assert found.equals(
        pl.DataFrame(
            {"address": ["10.0.0.7", "10.0.1.8", "10.0.1.9", "10.0.9.9"], "zone": ["c", "b", "a", "a"]}
        )
    )
