"""A whole folder: sources meet, files fail alone, nothing is told twice."""

import gzip
import json
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.model import COVERAGE, EVENTS, SETTINGS
from pipeline.timeline.base import frame
from pipeline.timeline.folder import Timeline, read_timeline
from tests.support.timeline_dumps import API, FIXTURES, READ_AT, SHOP, WEB, at, parsed, write

NODE = "i-0c2f6a11e3b5d7f92"
GONE = "i-0b1e5f00d2a4c6e81"
TRAIL = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/{}/111122223333_CloudTrail_{}Z_x.json.gz"


def problems(timeline: Timeline) -> list[str]:
    return [f"{problem.ref}: {problem.what}" for problem in timeline.problems]


def stop(minute: int) -> dict[str, Any]:
    asked = {"instancesSet": {"items": [{"instanceId": NODE}]}}
    when = (at("10:00:00") + timedelta(minutes=minute)).isoformat()
    return {
        "eventID": f"e-{minute}",
        "eventName": "StopInstances",
        "eventTime": when,
        "requestParameters": asked,
    }


def write_trail(folder: Path, day: int, read_at: datetime, *minutes: int) -> None:
    path = folder / TRAIL.format(f"{day:02d}", f"{minutes[-1]:04d}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"Records": [stop(minute) for minute in minutes]}).encode()))
    os.utime(path, (read_at.timestamp(), read_at.timestamp()))


def spans(folder: Path) -> list[tuple[Any, ...]]:
    return read_timeline(folder).coverage.select("source", "covered_from", "covered_to").rows()


def test_the_recorded_pages_make_one_timeline_without_problems() -> None:
    timeline = read_timeline(FIXTURES)
    assert timeline.problems == []
    assert timeline.documents >= 7
    assert {"autoscaling", "ec2", "elbv2", "cloudtrail", "kubernetes"} <= timeline.sources
    assert timeline.events.schema == frame(EVENTS, []).schema
    assert timeline.coverage.schema == frame(COVERAGE, []).schema
    assert timeline.settings.schema == frame(SETTINGS, []).schema
    assert timeline.events["event_id"].n_unique() == timeline.events.height
    assert timeline.events["occurred_at"].is_sorted()


def test_all_sources_name_the_same_group_of_a_node(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES, tmp_path, dirs_exist_ok=True)
    group = {"AutoScalingGroupName": "bulk-ingest", "Tags": [{"Key": "role", "Value": "bulk"}]}
    write(tmp_path, "describe-auto-scaling-groups.json", {"AutoScalingGroups": [group]})
    events = read_timeline(tmp_path).events.filter(instance_id=GONE)
    assert events["asg_name"].unique().to_list() == ["bulk-ingest"]
    assert events["node_group"].unique().to_list() == ["bulk"]
    assert set(events["source"]) == {"autoscaling", "cloudtrail", "ec2"}


def test_the_group_listing_tells_where_an_instance_without_tags_belongs(tmp_path: Path) -> None:
    write(tmp_path, "trail.json", {"Records": [stop(0)]})
    write(
        tmp_path,
        "groups.json",
        {"AutoScalingGroups": [{"AutoScalingGroupName": "web", "Instances": [{"InstanceId": NODE}]}]},
    )
    (event,) = read_timeline(tmp_path).events.rows(named=True)
    assert (event["asg_name"], event["node_group"]) == ("web", "web")


def test_groups_of_one_name_in_two_regions_keep_their_own_roles_and_settings(tmp_path: Path) -> None:
    arn = "arn:aws:autoscaling:{}:111122223333:autoScalingGroup:0c9e:autoScalingGroupName/web"
    groups = [
        {
            "AutoScalingGroupName": "web",
            "AutoScalingGroupARN": arn.format(region),
            "MinSize": size,
            "Tags": [{"Key": "role", "Value": role}],
            "Instances": [{"InstanceId": instance}] if instance else [],
        }
        for region, size, role, instance in (("eu-west-1", 1, "shop", NODE), ("us-east-1", 7, "docs", None))
    ]
    for group in groups:
        write(tmp_path, f"{group['MinSize']}.json", {"AutoScalingGroups": [group]})
    asked = {"instancesSet": {"items": [{"instanceId": NODE}, {"instanceId": GONE}]}}
    write(tmp_path, "trail.json", {"Records": [{**stop(0), "requestParameters": asked}]})
    activity = {
        "ActivityId": "a-1",
        "AutoScalingGroupName": "web",
        "StartTime": "2026-03-02T11:00:00Z",
        "Description": f"Terminating EC2 instance: {GONE}",
    }
    write(tmp_path, "activities.json", {"Activities": [activity]})
    timeline = read_timeline(tmp_path)
    sizes = timeline.settings.filter(setting="min_size").select("resource", "value").rows()
    assert sizes == [(arn.format("eu-west-1"), "1"), (arn.format("us-east-1"), "7")]
    role = dict(timeline.events.select("instance_id", "node_group").unique().rows())
    assert role == {NODE: "shop", GONE: "web"}  # of the one that went, only the name is known
    activity["AutoScalingGroupARN"] = arn.format("us-east-1")
    write(tmp_path, "activities.json", {"Activities": [activity]})
    assert set(read_timeline(tmp_path).events.filter(instance_id=GONE)["node_group"]) == {"docs"}


def test_hooks_by_name_meet_the_arn_of_their_group(tmp_path: Path) -> None:
    arn = "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:0c9e:autoScalingGroupName/web"
    group = {"AutoScalingGroupName": "web", "AutoScalingGroupARN": arn}
    write(tmp_path, "groups.json", {"AutoScalingGroups": [group, {"AutoScalingGroupName": "old"}]})
    write(tmp_path, "describe-lifecycle-hooks.web.json", {"LifecycleHooks": []})
    hooks = read_timeline(tmp_path).settings.filter(setting="lifecycle_hooks.terminating")
    assert hooks.select("resource", "value").rows() == [(arn, "none")]
    (tmp_path / "describe-lifecycle-hooks.web.json").rename(tmp_path / "describe-lifecycle-hooks.json")
    hooks = read_timeline(tmp_path).settings.filter(setting="lifecycle_hooks.terminating")
    assert hooks["resource"].to_list() == [arn, "auto-scaling-group/old"]


def test_the_same_record_in_two_files_is_one_event(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"Records": [stop(0), stop(1)]})
    write(tmp_path, "b.json", {"Events": [{"EventId": "e-1", "CloudTrailEvent": json.dumps(stop(1))}]})
    assert read_timeline(tmp_path).events.height == 2


def test_pages_lines_and_merged_objects_give_the_same_timeline(tmp_path: Path) -> None:
    page = json.loads((FIXTURES / "describe-scaling-activities.json").read_text())
    trail = json.loads((FIXTURES / "cloudtrail-records.json").read_text())
    write(tmp_path / "merged", "x.json", {**page, **trail})
    write(tmp_path / "pages", "x.json", [page, trail])
    write(tmp_path / "lines", "x.jsonl", f"{json.dumps(page)}\n{json.dumps(trail)}\n")
    events = [
        read_timeline(tmp_path / kind).events.drop("source_ref") for kind in ("merged", "pages", "lines")
    ]
    assert events[0].height == 7
    assert events[0].equals(events[1])
    assert events[0].equals(events[2])


def test_a_synced_trail_is_found_and_covers_its_day_up_to_the_last_delivery(tmp_path: Path) -> None:
    write_trail(tmp_path, 2, at("10:05:00"), 0, 4)
    write_trail(tmp_path, 2, at("13:25:00"), -5000, 200)
    timeline = read_timeline(tmp_path)
    assert timeline.problems == []
    assert timeline.events.height == 4
    assert spans(tmp_path) == [("cloudtrail", at("00:00:00"), at("13:25:00"))]
    place = timeline.coverage.select("account", "region").rows()
    assert place == [("111122223333", "eu-west-1")]


def test_a_copied_trail_covers_its_days_and_a_missing_day_is_a_gap(tmp_path: Path) -> None:
    for day in (2, 3, 5):
        write_trail(tmp_path, day, at("00:00:00", day=30), (day - 2) * 1440)
    assert spans(tmp_path) == [
        ("cloudtrail", at("00:00:00"), at("00:00:00", day=4)),
        ("cloudtrail", at("00:00:00", day=5), at("00:00:00", day=6)),
    ]


def test_trail_files_outside_their_folders_cover_their_records_across_quiet_hours(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"Records": [stop(0), stop(5)]})
    write(tmp_path, "b.json", {"Records": [stop(600)]})
    write(tmp_path, "c.json", {"Records": [stop(600 + 1440)]})
    assert spans(tmp_path) == [
        ("cloudtrail", at("10:00:00"), at("20:00:00")),
        ("cloudtrail", at("20:00:00", day=3), at("20:00:00", day=3)),
    ]


def test_lines_of_one_file_make_one_span(tmp_path: Path) -> None:
    lines = [
        {"detail-type": "x", "time": (at("10:00:00") + timedelta(hours=hour)).isoformat(), "detail": {}}
        for hour in (3, 0, 1)
    ]
    write(tmp_path, "bridge.jsonl", "\n".join(json.dumps(line) for line in lines))
    assert read_timeline(tmp_path).coverage.rows() == [
        ("eventbridge", at("10:00:00"), at("13:00:00"), "bridge.jsonl", None, None)
    ]


def test_attribute_files_by_name_meet_their_listing(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "elbv2-merged.json", tmp_path / "elbv2.json")
    group = {"TargetGroupArn": API, "TargetGroupName": "api-30081"}
    write(tmp_path, "more.json", {"TargetGroups": [group]})
    for name, value in (("web-30080", "10"), ("api-30081", "20")):
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": value}]
        write(tmp_path, f"describe-target-group-attributes.{name}.json", {"Attributes": attributes})
    found = read_timeline(tmp_path).settings.filter(setting="deregistration_delay.timeout_seconds")
    assert found.select("resource", "value").rows() == [(API, "20"), (WEB, "10")]


def test_the_history_of_a_setting_comes_from_dump_and_trail(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "elbv2-merged.json", tmp_path / "elbv2.json")
    changes = [("07:00:00", "4000"), ("09:00:00", "60")]
    records = [
        {
            "eventID": f"e-{clock}",
            "eventName": "ModifyLoadBalancerAttributes",
            "eventTime": f"2026-03-02T{clock}Z",
            "requestParameters": {
                "loadBalancerArn": SHOP,
                "attributes": [{"key": "idle_timeout.timeout_seconds", "value": value}],
            },
        }
        for clock, value in changes
    ]
    write(tmp_path, "trail.json", {"Records": records})
    timeline = read_timeline(tmp_path)
    found = timeline.settings.filter(resource=SHOP, setting="idle_timeout.timeout_seconds")
    assert found.select("value", "valid_from", "valid_to").rows() == [
        ("4000", at("07:00:00"), at("09:00:00")),
        ("60", at("09:00:00"), None),
    ]
    assert timeline.events.filter(kind="setting_changed").height == 2


def test_the_time_of_a_file_makes_no_event(tmp_path: Path) -> None:
    for name in FIXTURES.iterdir():
        write(tmp_path / "then", name.name, name.read_text(), READ_AT)
        write(tmp_path / "now", name.name, name.read_text(), READ_AT + timedelta(days=900))
    assert read_timeline(tmp_path / "then").events.equals(read_timeline(tmp_path / "now").events)


def test_a_bad_file_costs_itself_only(tmp_path: Path) -> None:
    write(tmp_path, "a.json", "nothing")
    write(tmp_path, "b.json", '{"Records": [{')
    write(tmp_path, "c.json", {"Records": "none"})
    write(tmp_path, "d.json", {"Records": [stop(0)]})
    write(tmp_path, "e.json", {"Widgets": [], "Count": 1})
    timeline = read_timeline(tmp_path)
    assert timeline.events.height == 1
    assert problems(timeline) == [
        "a.json: is no JSON",
        "b.json: cut short at byte 14",
        "c.json: Records is no list",
        "e.json: no known kind of dump (top keys: Widgets, Count)",
    ]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no timeline folder"):
        read_timeline(tmp_path / "gone")


def test_a_folder_without_any_dump_says_so(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# nothing")
    timeline = read_timeline(tmp_path)
    assert problems(timeline) == [f"{tmp_path}: holds no known kind of dump"]
    assert (timeline.documents, timeline.sources) == (0, frozenset())
    assert timeline.events.height == timeline.coverage.height == timeline.settings.height == 0


def test_halves_of_surrogate_pairs_do_no_harm(tmp_path: Path) -> None:
    write(tmp_path, "x.json", json.dumps({"Records": [{**stop(0), "userIdentity": {"arn": "\ud800é"}}]}))
    (event,) = read_timeline(tmp_path).events.rows(named=True)
    assert event["detail"] == "StopInstances by ?é"


NAMES = """
ActivityId AutoScalingGroupName Description Cause StartTime EndTime StatusCode Instances InstanceId
State Name StateTransitionReason LaunchTime NetworkInterfaces PrivateIpAddress PrivateIpAddresses
Attachment AttachTime Tags Key Value LoadBalancerArn TargetGroupArn TargetGroupName LoadBalancerName
Target Id Port TargetHealth eventTime eventName requestParameters responseElements instancesSet
items instanceId targets id port attributes key value CloudTrailEvent EventTime userIdentity
detail-type detail time instance-id state Status UpdateTime Events NotBefore LifecycleHookName
eventID Code Details ImpairedSince Ipv4Prefixes networkInterfaceSet attachment attachTime
HeartbeatTimeout
"""
KEYS = st.sampled_from(NAMES.split())
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        [
            "2026-03-02T11:04:30Z",
            1772450404,
            NODE,
            "10.0.3.44",
            WEB,
            "RunInstances",
            "RegisterTargets",
            "ModifyTargetGroup",
            "ModifyLoadBalancerAttributes",
            "BidEvictedEvent",
            f"Terminating EC2 instance: {NODE}",
            f"Launching a new EC2 instance: {NODE}",
            "terminated",
            "EC2 Instance State-change Notification",
            "User initiated (2026-03-02 11:05:12 GMT)",
            "marked-for-termination",
            "\ud800",
            '{"eventName": "StopInstances"}',
        ]
    )
)
VALUE = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
TOPS = """
Activities AutoScalingGroups AutoScalingInstances LifecycleHooks InstanceRefreshes
WarmPoolConfiguration Instances Reservations NetworkInterfaces InstanceStatuses SpotInstanceRequests
LoadBalancers TargetGroups Attributes TargetHealthDescriptions Records Events eventName eventSource
eventTime detail-type detail time
"""


@given(
    st.dictionaries(
        st.sampled_from(TOPS.split()), VALUE | st.lists(st.dictionaries(KEYS, VALUE), max_size=3), min_size=1
    )
)
def test_no_object_under_a_known_key_raises(value: dict[str, Any]) -> None:
    findings = parsed(value)
    frames = (findings.events_frame(), findings.coverage_frame(), findings.settings_frame())
    assert all(table.height >= 0 for table in frames)


@given(st.sampled_from(sorted(path.name for path in FIXTURES.glob("*.json"))), st.data())
def test_no_cut_of_a_recorded_page_raises(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    whole = (FIXTURES / name).read_text()
    cut = whole[: data.draw(st.integers(0, len(whole) - 2))]
    folder = tmp_path_factory.mktemp("cut")
    write(folder, name, cut)
    assert read_timeline(folder).problems != []
