"""Collecting from AWS: unmodified boto3 against a server that replays dumps."""

import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import StoreError, UsageError
from pipeline.timeline.aws_apis import APIS, Api, budget
from pipeline.timeline.collect import Access, collect
from pipeline.timeline.collection import Collection
from pipeline.timeline.collector import Collector
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.lifetimes_interfaces import holdings
from tests.support.aws_replay import Replay, Trouble
from tests.support.aws_runs import EXTRAS, collected, failed, scope, sources
from tests.support.recent_day import RecentDay

TABLES = ("events", "coverage", "settings", "metrics")


def test_live_and_dumps_tell_the_same_events(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    assert aws.asked == []
    _, live = collected(scope(day), tmp_path)
    offline = read_timeline(day.aws, EXTRAS)
    columns = [name for name in offline.events.columns if name != "source_ref"]
    assert live.problems == []
    assert offline.events.height > 200
    assert live.events.select(columns).equals(offline.events.select(columns))
    told = ["resource", "setting", "value"]
    now = pl.col("setting").str.starts_with("target_health.")
    assert (
        live.settings.filter(~now).select(told).unique().join(offline.settings, on=told, how="anti").height
        == 2 * 2  # the two groups without hooks say so
    )
    assert offline.settings.join(live.settings, on=told, how="anti").is_empty()


def test_a_replay_of_copied_pages_is_the_live_run_bit_for_bit(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    aws.page = 7
    aws.troubles = [Trouble("AccessDenied", "DescribeNetworkInterfaces")]
    _, live = collected(scope(day), tmp_path)
    copy = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "pages", copy, copy_function=shutil.copyfile)
    for path in copy.rglob("*"):
        os.utime(path, (1e9, 1e9))
    again = read_timeline(copy)
    assert live.metrics.height > 0
    assert all(getattr(again, name).equals(getattr(live, name)) for name in TABLES)
    assert again.problems == live.problems != []


def test_pages_are_what_the_aws_cli_prints(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    assert aws.dumps.records
    collected(scope(day), tmp_path)
    text = (tmp_path / "pages" / "describe-target-groups.shop.json").read_text()
    assert text == json.dumps(json.loads(text), indent=4) + "\n"
    assert json.loads(text) == json.loads((day.aws / "describe-target-groups.json").read_text())
    activities = json.loads((tmp_path / "pages" / "describe-scaling-activities.json").read_text())
    activity = activities["Activities"][0]
    recorded = json.loads((day.aws / "describe-scaling-activities.json").read_text())["Activities"]
    (same,) = [one for one in recorded if one["ActivityId"] == activity["ActivityId"]]
    assert datetime.fromisoformat(activity["StartTime"]) == datetime.fromisoformat(same["StartTime"])
    assert activity["StartTime"].endswith("+00:00")
    assert {key: activity[key] for key in same if "Time" not in key} == {
        key: value for key, value in same.items() if "Time" not in key
    }


def test_small_pages_give_the_same_as_large_ones(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    _, large = collected(scope(day), tmp_path / "large")
    aws.page = 9
    record, small = collected(scope(day), tmp_path / "small")
    columns = [name for name in large.events.columns if name != "source_ref"]
    assert small.events.select(columns).equals(large.events.select(columns))
    assert max(call.calls for call in record.calls) > 3


def test_a_day_of_three_load_balancers_stays_within_the_budget(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    (shop,) = aws.dumps.lists["LoadBalancers"]
    for name in ("docs", "pay"):
        arn = shop["LoadBalancerArn"].replace("/shop/", f"/{name}/")
        aws.dumps.lists["LoadBalancers"].append({**shop, "LoadBalancerName": name, "LoadBalancerArn": arn})
        for number in range(25):
            group = {"TargetGroupName": f"{name}-{number}", "LoadBalancerArns": [arn]}
            group["TargetGroupArn"] = f"{arn.split(':loadbalancer')[0]}:targetgroup/{name}-{number}/0123"
            aws.dumps.lists["TargetGroups"].append(group)
    aws.page = 20
    until = datetime.now(UTC)
    record, timeline = collected(
        scope(day, names=("docs", "pay", "shop"), since=until - timedelta(hours=24), until=until), tmp_path
    )
    assert len(aws.asked) == record.made <= record.budget == budget(3, 24) == 412
    per_action = {api.action: api.allowed(3, 1) for api in APIS}
    actions = [one.action for one in aws.asked]
    assert all(actions.count(action) <= most for action, most in per_action.items())
    assert len(timeline.settings.filter(pl.col("setting") == "slow_start.duration_seconds")) == 3


def test_exactly_the_listed_actions_are_called(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    collected(scope(day), tmp_path)
    assert {one.action for one in aws.asked} == {api.action for api in APIS}


def test_what_aws_forgot_is_said_and_not_asked(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=200)
    record, timeline = collected(scope(day, since=long_ago, until=long_ago + timedelta(days=1)), tmp_path)
    assert set(failed(record)) == {"DescribeScalingActivities", "LookupEvents", "GetMetricData"}
    assert {one.action for one in aws.asked}.isdisjoint(call.action for call in failed(record).values())
    words = " ".join(problem.what for problem in timeline.problems)
    assert all(f"keeps {days} days" in words for days in (42, 90, 15))
    assert not sources(timeline) & {"scaling_activities", "cloudtrail", "cloudwatch"}


def test_silence_of_the_last_minutes_is_no_evidence(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    assert aws.asked == []
    _, timeline = collected(scope(day), tmp_path)
    until = dict(timeline.coverage.select("source", "covered_to").iter_rows())
    behind = until["scaling_activities"] - until["cloudtrail"]
    assert abs(behind - timedelta(minutes=15)) < timedelta(minutes=1)


def test_the_launch_of_an_instance_that_went_is_looked_up(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    until = datetime.fromisoformat(day.until)
    since = until - timedelta(hours=3)
    _, timeline = collected(scope(day, since=since, until=until), tmp_path)
    ended = timeline.events.filter(pl.col("kind") == "instance_terminated")
    assert ended.height
    assert aws.asked
    with_address = pl.col("private_ip").is_not_null()
    launched = timeline.events.filter(pl.col("kind") == "instance_launched", with_address)
    assert set(ended["instance_id"]) <= set(launched["instance_id"])
    assert launched["occurred_at"].min() < since - timedelta(hours=2)  # type: ignore[operator]  # it is no other type


def test_of_calls_on_interfaces_the_newest_are_read_and_they_cost_no_coverage(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    until = datetime.fromisoformat(day.until)
    instance = aws.dumps.lists["Reservations"][0]["Instances"][0]
    eni = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    for number in range(1000):
        at, last = until - timedelta(seconds=20 * number), f"{number // 250}.{number % 250}"
        answer = {
            "networkInterfaceId": eni,
            "assignedPrivateIpAddressesSet": {"item": [{"privateIpAddress": f"10.9.{last}"}]},
        }
        aws.dumps.records.append(
            {
                "eventID": f"assign-{number}",
                "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                "eventSource": "ec2.amazonaws.com",
                "eventName": "AssignPrivateIpAddresses",
                "requestParameters": {"networkInterfaceId": eni},
                "responseElements": answer,
            }
        )
    since = until - timedelta(hours=3)
    record, timeline = collected(scope(day, since=since, until=until), tmp_path)
    assert failed(record) == {}
    assert timeline.problems == []
    (span,) = timeline.coverage.filter(source="cloudtrail").rows(named=True)
    assert span["covered_from"] == since - timedelta(hours=2)
    held = holdings(timeline.events, timeline.settings)
    assigned = held.filter(pl.col("block").str.starts_with("10.9."), instance_id=instance["InstanceId"])
    assert assigned.height == 150
    assert assigned["held_from"].max() == until


def test_a_setting_of_the_window_is_told_by_the_last_change_before_it(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    until, (group,) = datetime.fromisoformat(day.until), aws.dumps.lists["TargetGroups"][:1]
    since, key = until - timedelta(hours=3), "deregistration_delay.timeout_seconds"
    for name, at, value in (("before", since - timedelta(days=30), "60"), ("after", until, "120")):
        aws.dumps.records.append(
            {
                "eventID": name,
                "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                "eventSource": "elasticloadbalancing.amazonaws.com",
                "eventName": "ModifyTargetGroupAttributes",
                "requestParameters": {
                    "targetGroupArn": group["TargetGroupArn"],
                    "attributes": [{"key": key, "value": value}],
                },
            }
        )
    _, timeline = collected(scope(day, since=since, until=until), tmp_path)
    delays = timeline.settings.filter(resource=group["TargetGroupArn"], setting=key)
    assert delays["value"].to_list() == ["60", "120"]
    assert delays["valid_to"].to_list() == [until, None]


def test_a_folder_with_content_is_refused_before_anything_is_asked(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "old.json").write_text("{}")
    with pytest.raises(UsageError, match="is not empty"):
        collect([scope(day)], tmp_path / "pages")
    assert aws.asked == []


def test_a_folder_that_cannot_be_made_is_a_store_error(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    assert aws.asked == []
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        collect([scope(day)], tmp_path / "file" / "pages")


def test_a_crash_leaves_no_pages_behind(
    day: RecentDay, aws: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.timeline.ec2.fetch", stop)
    with pytest.raises(KeyboardInterrupt):
        collect([scope(day)], tmp_path / "pages")
    assert aws.asked
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("per_second", "asked_for"), [(20.0, None), (1000.0, 20.0)])
def test_the_rate_of_the_event_history_is_kept(
    aws: Replay, tmp_path: Path, per_second: float, asked_for: float | None
) -> None:
    slow = Api("cloudtrail", "LookupEvents", {"MaxResults": 50}, once=9, per_second=per_second)
    now = datetime.now(UTC)
    record = Collection("test", "eu-west-1", None, [], now - timedelta(hours=1), now, now, 9)
    ask = Collector(tmp_path, record, paces={slow: asked_for} if asked_for else {})
    began = time.monotonic()
    for name in ("A", "B", "C", "D", "E"):
        condition = [{"AttributeKey": "EventName", "AttributeValue": name}]
        ask.ask(slow, about=name, LookupAttributes=condition, StartTime=record.since, EndTime=now)
    ask.close()
    assert len(aws.asked) == 5
    assert time.monotonic() - began >= 4 / 20


def test_lookups_are_as_slow_as_the_settings_say(
    day: RecentDay, aws: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paced: list[float] = []
    monkeypatch.setattr("pipeline.timeline.collector.time.sleep", paced.append)
    collect([scope(day)], tmp_path / "pages", Access(lookups_per_second=0.5))
    assert len(paced) == sum("LookupEvents" in str(one) for one in aws.asked)
    assert max(paced) > 2.0 * 30
