"""What AWS refuses costs its source only, and is said."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline.timeline import collector
from pipeline.timeline.aws_apis import APIS
from pipeline.timeline.folder import read_timeline
from tests.support.aws_replay import Replay, Trouble
from tests.support.aws_runs import EXTRAS, collected, failed, scope, sources
from tests.support.recent_day import RecentDay

DENIED_COSTS = {
    "DescribeScalingActivities": "scaling_activities",
    "LookupEvents": "cloudtrail",
    "DescribeInstances": "instances",
    "DescribeNetworkInterfaces": "network_interfaces",
    "DescribeTargetHealth": "target_health",
}


@pytest.fixture
def few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "ATTEMPTS", 1)


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


def test_a_name_too_long_for_a_file_costs_itself_only(day: RecentDay, aws: Replay, tmp_path: Path) -> None:
    record, timeline = collected(scope(day, ("n" * 300, "shop")), tmp_path)
    assert [one.parameters for one in aws.asked[:1]] == [{"Names": ["shop"]}]
    assert failed(record)["DescribeLoadBalancers"].about == "n" * 300
    assert "too long to name a file" in timeline.problems[0].what
    assert "target_groups" in sources(timeline)


def test_without_a_region_one_sentence_says_so(
    day: RecentDay, aws: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")  # boto3 does not read it: saying so would help nobody
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    record, timeline = collected(scope(day), tmp_path)
    assert (aws.asked, record.region) == ([], None)
    (problem,) = timeline.problems
    assert "set AWS_DEFAULT_REGION" in problem.what


def test_the_variable_that_the_sentence_names_is_the_one_that_works(
    day: RecentDay, aws: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    record, timeline = collected(scope(day), tmp_path)
    assert record.region == "eu-central-1"
    assert {one.region for one in aws.asked} == {"eu-central-1"}
    assert timeline.problems == []


@pytest.mark.usefixtures("few_attempts")
def test_an_unknown_load_balancer_names_region_and_account_as_suspects(
    day: RecentDay, aws: Replay, tmp_path: Path
) -> None:
    record, timeline = collected(scope(day, names=("nope",)), tmp_path)
    assert aws.asked[0].parameters == {"Names": ["nope"]}
    assert failed(record)["DescribeLoadBalancers"].fault == "not_found"
    assert "check the name, the region and the account" in timeline.problems[0].what


def test_time_is_bounded(
    day: RecentDay, aws: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "MOST_SECONDS", -1.0)
    record, timeline = collected(scope(day), tmp_path)
    assert (aws.asked, record.made) == ([], 0)
    assert "for the collection are over" in timeline.problems[0].what
