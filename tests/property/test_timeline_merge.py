"""Store, dumps and AWS tell one timeline, however they share the telling."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.timeline import archive
from pipeline.timeline.folder import Timeline, read_timeline
from tests.support.timeline_dumps import FIXTURES, READ_AT, WEB, at, write

NODE = "i-0c2f6a11e3b5d7f92"
PLACES = ("kept first", "kept second", "folder", "other folder")
_FILES = sorted(path for path in FIXTURES.parent.rglob("*") if path.is_file())


def activity(status: str, **more: str) -> dict[str, Any]:
    return {
        "ActivityId": "a-1",
        "AutoScalingGroupName": "web",
        "Description": f"Terminating EC2 instance: {NODE}",
        "Cause": "",
        "StartTime": at("09:00:00").isoformat(),
        "StatusCode": status,
        **more,
    }


def attributes(seconds: int) -> dict[str, Any]:
    return {"Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}]}


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recorded pages, and what is told differently as time goes by."""
    folder = tmp_path_factory.mktemp("dumps")
    for path in _FILES:
        shutil.copy(path, folder / path.name)
        os.utime(folder / path.name, (READ_AT.timestamp(), READ_AT.timestamp()))
    for hour, found in enumerate(
        [activity("MidLifecycleAction"), activity("Successful", EndTime="2026-03-02T09:04:00Z")]
    ):
        read_at = at(f"{10 + hour}:00:00")
        write(folder, f"activities-{hour}.json", {"Activities": [found]}, read_at)
        write(folder, f"wrapped-{hour}.json", {"TargetGroupArn": WEB, **attributes(30 + hour)}, read_at)
        write(folder, f"describe-target-group-attributes.web-30080.{hour}.json", attributes(60), read_at)
    launch = {"InstanceId": NODE, "LaunchTime": at("08:00:00").isoformat(), "State": {"Name": "running"}}
    tagged = {"VpcId": "vpc-1", "Tags": [{"Key": "aws:autoscaling:groupName", "Value": "web"}]}
    for name, one in (("bare", launch), ("tagged", {**launch, **tagged})):
        write(folder, f"instances-{name}.json", {"Reservations": [{"Instances": [one]}]})
    return folder


def split(dumps: Path, shares: dict[str, list[str]], folder: Path) -> Timeline:
    """What is told when each file lies in the places that it was given to."""
    for place, names in shares.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy2(dumps / name, folder / place / name)
    for place in PLACES[:2]:
        if place in shares:
            archive.keep(folder / "store", read_timeline(folder / place).told)
    return read_timeline(*(folder / place for place in PLACES[2:] if place in shares), store=folder / "store")


def without_files(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop("source_ref", strict=False)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_how_the_sources_are_split_over_store_and_folders_does_not_matter(
    dumps: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = sorted(path.name for path in dumps.iterdir())
    places = {name: data.draw(st.sets(st.sampled_from(PLACES), min_size=1), label=name) for name in names}
    shares = {place: [name for name in names if place in places[name]] for place in PLACES}
    shares = {place: found for place, found in shares.items() if found}
    parted = split(dumps, shares, tmp_path_factory.mktemp("split"))
    whole = read_timeline(dumps)
    for name, rows in whole.frames().items():
        assert without_files(parted.frames()[name]).equals(without_files(rows)), name


def test_an_activity_seen_running_and_done_is_one_and_keeps_what_each_told(dumps: Path) -> None:
    found = read_timeline(dumps).events.filter(source="autoscaling", instance_id=NODE, asg_name="web")
    assert found["kind"].to_list() == ["termination_started", "node_left"]
    assert found["is_graceful"].to_list() == [True, None]


def test_what_an_activity_promised_is_taken_back_when_it_failed(tmp_path: Path) -> None:
    write(tmp_path / "then", "a.json", {"Activities": [activity("InProgress")]})
    write(tmp_path / "now", "a.json", {"Activities": [activity("Failed")]})
    archive.keep(tmp_path / "store", read_timeline(tmp_path / "then").told)
    found = read_timeline(tmp_path / "now", store=tmp_path / "store").events
    assert found.select("kind", "reason").rows() == [("other", "termination_failed")]


def test_settings_of_many_snapshots_are_one_history(tmp_path: Path) -> None:
    for day, value in ((3, 30), (4, 30), (6, 45)):
        folder = tmp_path / str(day)
        write(folder, "a.json", {"TargetGroupArn": WEB, **attributes(value)}, at("12:00:00", day=day))
        archive.keep(tmp_path / "store", read_timeline(folder).told)
    found = read_timeline(store=tmp_path / "store").settings
    delay = found.filter(setting="deregistration_delay.timeout_seconds")
    assert delay.select("value", "valid_from", "valid_to").rows() == [
        ("30", None, at("12:00:00", day=6)),
        ("45", at("12:00:00", day=6), None),
    ]


def test_a_gap_between_two_collections_stays_a_gap(tmp_path: Path) -> None:
    for day in (2, 9):
        span = {"source": "cloudtrail", "covered_from": at("00:00:00", day=day).isoformat()}
        until = {"covered_to": at("06:00:00", day=day).isoformat()}
        record = {"collection": {}, "calls": [], "coverage": [{**span, **until}]}
        write(tmp_path / str(day), "collection.json", json.dumps(record))
        archive.keep(tmp_path / "store", read_timeline(tmp_path / str(day)).told)
    spans = read_timeline(store=tmp_path / "store").coverage
    assert spans["covered_from"].to_list() == [at("00:00:00", day=2), at("00:00:00", day=9)]


def test_a_damaged_file_of_the_store_costs_itself_only(dumps: Path, tmp_path: Path) -> None:
    archive.keep(tmp_path, read_timeline(dumps).told)
    (tmp_path / "events" / "0.parquet").write_bytes(b"half")
    found = read_timeline(store=tmp_path)
    assert found.events.height == read_timeline(dumps).events.height
    (problem,) = [one for one in found.problems if "cannot be read" in one.what]
    assert problem.ref.endswith("0.parquet")
    assert problem.is_loss


def test_a_store_of_an_older_version_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    write(folder, "a.json", {"TargetGroupArn": WEB, **attributes(30)})
    told = read_timeline(folder).told
    archive.keep(tmp_path, {**told, "settings": told["settings"].drop("read_at")})
    found = read_timeline(store=tmp_path)
    assert found.problems == []
    assert "30" in found.settings["value"].to_list()
