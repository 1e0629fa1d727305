"""Collecting from AWS: unmodified boto3 against a server that replays dumps."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import StoreError, UsageError
from pipeline.timeline import aws_apis, cloudtrail_files, collector
from pipeline.timeline.aws_apis import APIS, Api, budget
from pipeline.timeline.cloudtrail_files import Trail
from pipeline.timeline.collect import collect
from pipeline.timeline.collection import Call, Collection
from pipeline.timeline.collector import Collector
from pipeline.timeline.folder import Timeline, read_timeline
from pipeline.timeline.scope import Scope
from tests.support.aws_replay import Replay, Trouble, replay
from tests.support.recent_day import RecentDay, recent_day
from tests.support.s3_server import Folder

EXTRAS = Path(__file__).parents[2] / "fixtures" / "timeline" / "aws"
TABLES = ("events", "coverage", "settings", "metrics")
DENIED_COSTS = {
    "DescribeScalingActivities": "scaling_activities",
    "LookupEvents": "cloudtrail",
    "DescribeInstances": "instances",
    "DescribeNetworkInterfaces": "network_interfaces",
    "DescribeTargetHealth": "target_health",
}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> RecentDay:
    return recent_day(tmp_path_factory.mktemp("day"))


@pytest.fixture
def aws(day: RecentDay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replay]:
    """A server; CloudTrail's slow rate is tested on its own."""
    monkeypatch.setattr(aws_apis, "LOOKUP", replace(aws_apis.LOOKUP, per_second=None))
    with replay(day.aws, EXTRAS) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "ATTEMPTS", 1)


def scope(
    day: RecentDay,
    names: tuple[str, ...] = ("shop",),
    since: datetime | None = None,
    until: datetime | None = None,
) -> Scope:
    """A load balancer, and a window that holds all that the dumps tell."""
    ever = datetime.fromisoformat(day.since) - timedelta(days=20)
    return Scope(list(names), since or ever, until or datetime.now(UTC))


def collected(asked: Scope, folder: Path) -> tuple[Collection, Timeline]:
    record = collect(asked, folder / "pages")
    return record, read_timeline(folder / "pages")


def failed(record: Collection) -> dict[str, Call]:
    return {call.action.partition(":")[2]: call for call in record.calls if call.fault}


def sources(timeline: Timeline) -> set[str]:
    return set(timeline.coverage["source"])


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
    assert len(aws.asked) == record.made <= record.budget == budget(3, 24) == 362
    per_action = {api.action: api.allowed(3, 1) for api in APIS}
    actions = [one.action for one in aws.asked]
    assert all(actions.count(action) <= most for action, most in per_action.items())
    assert len(timeline.settings.filter(pl.col("setting") == "slow_start.duration_seconds")) == 3


def test_exactly_the_listed_actions_are_called(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    collected(scope(day), tmp_path)
    assert {one.action for one in aws.asked} == {api.action for api in APIS}


@pytest.mark.usefixtures("few_attempts")
@pytest.mark.parametrize("operation", sorted(DENIED_COSTS))
def test_a_denied_source_costs_itself_only_and_names_the_action(
    operation: str, day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    aws.troubles = [Trouble("AccessDeniedException", operation)]
    record, timeline = collected(scope(day), tmp_path)
    assert set(failed(record)) == {operation}
    everything = {
        *("scaling_activities", "cloudtrail", "instances", "network_interfaces", "instance_status"),
        *("spot_requests", "load_balancers", "target_groups", "target_health", "cloudwatch"),
    }
    assert everything - sources(timeline) == {DENIED_COSTS[operation]}
    (problem,) = timeline.problems
    assert f":{operation}" in problem.what
    assert f"access denied; allow {failed(record)[operation].action}" in problem.what
    assert problem.is_loss


@pytest.mark.usefixtures("few_attempts")
@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        (Trouble("Throttling", "DescribeScalingActivities"), "throttled", "throttled to the end"),
        (Trouble("ExpiredToken", "DescribeScalingActivities"), "expired", "have expired"),
        (
            Trouble("InvalidClientTokenId", "DescribeScalingActivities", status=403),
            "credentials",
            "not accepted",
        ),
        (Trouble("InternalFailure", "DescribeScalingActivities", status=500), "failed", "InternalFailure"),
        (Trouble("garbage", "DescribeScalingActivities"), "failed", "no answer of AWS"),
        (Trouble("loop", "DescribeScalingActivities"), "loop", "the same NextToken came twice"),
        (Trouble("loop", "DescribeTargetGroups"), "loop", "the same Marker came twice"),
        (Trouble("Throttling", "GetMetricData"), "throttled", "throttled to the end"),
        (Trouble("ValidationError", "LookupEvents"), "failed", "ValidationError"),
    ],
)
def test_one_failing_source_is_a_sentence_and_the_others_go_on(
    trouble: Trouble, kind: str, words: str, day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    aws.troubles = [trouble]
    record, timeline = collected(scope(day), tmp_path)
    assert {call.fault for call in failed(record).values()} == {kind}
    assert set(failed(record)) == {trouble.operation}
    (problem,) = timeline.problems
    assert words in problem.what
    assert timeline.events.height > 100


@pytest.mark.usefixtures("few_attempts")
def test_a_service_that_resets_is_not_asked_again(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    aws.troubles = [Trouble("reset", "DescribeScalingActivities")]
    record, timeline = collected(scope(day), tmp_path)
    lost = {call.action for call in record.calls if call.fault == "unreachable"}
    assert lost == {api.action for api in APIS if api.service == "autoscaling"} - {
        *("autoscaling:DescribeLifecycleHooks", "autoscaling:DescribeInstanceRefreshes"),
        "autoscaling:DescribeWarmPool",
    }
    (problem,) = timeline.problems
    assert "cannot be reached" in problem.what
    assert "instances" in sources(timeline)


def test_short_troubles_are_sat_out(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    aws.troubles = [
        Trouble("Throttling", "DescribeAutoScalingGroups", times=1),
        Trouble("InternalError", "DescribeNetworkInterfaces", times=1, status=500),
        Trouble("reset", "DescribeTargetHealth", times=1),
        Trouble("empty", "DescribeInstances"),
    ]
    record, timeline = collected(scope(day), tmp_path)
    assert failed(record) == {}
    assert sum(call.retries for call in record.calls) == 3
    assert timeline.problems == []
    offline = read_timeline(day.aws, EXTRAS)
    assert set(timeline.events["event_id"]) == set(offline.events["event_id"])


@pytest.mark.usefixtures("few_attempts")
def test_a_listing_that_breaks_off_covers_what_it_reached(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    aws.page = 10
    aws.troubles = [Trouble("AccessDenied", "DescribeScalingActivities", after=2)]
    _, timeline = collected(scope(day), tmp_path)
    (span,) = timeline.coverage.filter(pl.col("source") == "scaling_activities").iter_rows(named=True)
    oldest = sorted((one["StartTime"] for one in aws.dumps.lists["Activities"]), reverse=True)[19]
    assert span["covered_from"] == datetime.fromisoformat(oldest)
    assert "pages" not in str(timeline.problems[0].what)


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


def test_without_credentials_one_sentence_says_so(
    day: RecentDay, aws: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    record, timeline = collected(scope(day), tmp_path)
    assert (aws.asked, record.made) == ([], 0)
    (problem,) = timeline.problems
    assert "no AWS credentials" in problem.what
    assert timeline.coverage.is_empty()


def test_without_a_region_one_sentence_says_so(
    day: RecentDay, aws: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    record, timeline = collected(scope(day), tmp_path)
    assert (aws.asked, record.region) == ([], None)
    (problem,) = timeline.problems
    assert "set AWS_REGION" in problem.what


@pytest.mark.usefixtures("few_attempts")
def test_an_unknown_load_balancer_names_region_and_account_as_suspects(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    record, timeline = collected(scope(day, names=("nope",)), tmp_path)
    assert aws.asked[0].parameters == {"Names": ["nope"]}
    assert failed(record)["DescribeLoadBalancers"].fault == "not_found"
    assert "check the name, the region and the account" in timeline.problems[0].what


def test_a_folder_with_content_is_refused_before_anything_is_asked(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "old.json").write_text("{}")
    with pytest.raises(UsageError, match="is not empty"):
        collect(scope(day), tmp_path / "pages")
    assert aws.asked == []


def test_a_folder_that_cannot_be_made_is_a_store_error(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    assert aws.asked == []
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        collect(scope(day), tmp_path / "file" / "pages")


def test_a_crash_leaves_no_pages_behind(
    day: RecentDay, aws: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.timeline.ec2.fetch", stop)
    with pytest.raises(KeyboardInterrupt):
        collect(scope(day), tmp_path / "pages")
    assert aws.asked
    assert list(tmp_path.iterdir()) == []


def test_the_rate_of_the_event_history_is_kept(aws: Replay, tmp_path: Path) -> None:
    slow = Api("cloudtrail", "LookupEvents", {"MaxResults": 50}, once=9, per_second=20.0)
    now = datetime.now(UTC)
    record = Collection("test", "eu-west-1", None, [], now - timedelta(hours=1), now, now, 9)
    ask = Collector(tmp_path, record)
    began = time.monotonic()
    for name in ("A", "B", "C", "D", "E"):
        condition = [{"AttributeKey": "EventName", "AttributeValue": name}]
        ask.ask(slow, about=name, LookupAttributes=condition, StartTime=record.since, EndTime=now)
    ask.close()
    assert len(aws.asked) == 5
    assert time.monotonic() - began >= 4 / 20


def test_time_is_bounded(
    day: RecentDay, aws: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "MOST_SECONDS", -1.0)
    record, timeline = collected(scope(day), tmp_path)
    assert (aws.asked, record.made) == ([], 0)
    assert "for the collection are over" in timeline.problems[0].what


def trail_of(folder: Folder, below: str = "") -> Trail:
    prefix = f"{folder.prefix}/{below}".rstrip("/")
    return Trail("ready", prefix, lambda: folder.client)


def upload(folder: Folder, day: RecentDay, below: str) -> int:
    files = sorted((day.aws / "AWSLogs").rglob("*.json.gz"))
    for path in files:
        name = path.relative_to(day.aws / "AWSLogs").as_posix()
        folder.put(f"{below}{name}", path.read_bytes())
    folder.put(f"{below}111122223333/CloudTrail-Digest/eu-west-1/2026/03/02/digest.json.gz", b"no gzip")
    return len(files)


@pytest.mark.parametrize("below", ["AWSLogs/", "trails/AWSLogs/o-exampleorg/"])
def test_files_of_a_trail_replace_the_event_history(
    below: str, day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path
) -> None:
    count = upload(folder, day, below)
    trail = trail_of(folder, below.partition("AWSLogs/")[0])
    record = collect(scope(day), tmp_path / "pages", trail=trail)
    assert failed(record) == {}
    assert "cloudtrail:LookupEvents" not in {one.action for one in aws.asked}
    (reading,) = [call for call in record.calls if call.action == "s3:GetObject"]
    assert reading.calls == count
    assert len(reading.files) == count
    timeline, offline = read_timeline(tmp_path / "pages"), read_timeline(day.aws, EXTRAS)
    assert set(timeline.events["event_id"]) == set(offline.events["event_id"])
    assert "cloudtrail" in sources(timeline)


def test_a_window_reads_only_the_files_delivered_around_it(
    day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path
) -> None:
    assert aws.asked == []
    count = upload(folder, day, "AWSLogs/")
    since = datetime.fromisoformat(day.since) + timedelta(hours=10)
    window = scope(day, since=since, until=since + timedelta(hours=1))
    record = collect(window, tmp_path / "pages", trail=trail_of(folder))
    (reading,) = [call for call in record.calls if call.action == "s3:GetObject"]
    assert 0 < reading.calls < count / 2
    timeline = read_timeline(tmp_path / "pages").events.filter(pl.col("source") == "cloudtrail")
    offline = read_timeline(day.aws).events.filter(
        pl.col("source") == "cloudtrail",
        pl.col("occurred_at").is_between(since - timedelta(hours=2), since + timedelta(hours=2)),
    )
    assert set(offline["event_id"]) <= set(timeline["event_id"])


def test_a_trail_that_is_not_there_falls_back_to_the_event_history(
    day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path
) -> None:
    record = collect(scope(day), tmp_path / "pages", trail=trail_of(folder, "nowhere"))
    (call,) = failed(record).values()
    assert (call.action, call.fault) == ("s3:ListBucket", "not_found")
    assert "cloudtrail:LookupEvents" in {one.action for one in aws.asked}
    assert "cloudtrail" in sources(read_timeline(tmp_path / "pages"))


def test_files_beyond_the_limit_are_said(
    day: RecentDay, aws: Replay, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aws.asked == []
    upload(folder, day, "AWSLogs/")
    monkeypatch.setattr(cloudtrail_files, "MOST_FILES", 3)
    record = collect(scope(day), tmp_path / "pages", trail=trail_of(folder))
    assert "only the first 3 files" in str(failed(record)["GetObject"].message)
