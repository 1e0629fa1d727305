"""The record of a collection: what it makes of the pages beside it, and what a damaged one does not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.timeline import autoscaling_fetch, aws_apis
from pipeline.timeline.aws_apis import Api
from pipeline.timeline.collection import Call, Collection, Span, page_times
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.scope import Scope
from tests.support.timeline_dumps import READ_AT, at, parsed, told, write

ASKED_AT = datetime(2026, 3, 3, 9, 30, 0, 250, tzinfo=UTC)
ACTIVITIES = {"Activities": [], "NextToken": "more"}


def collection(*calls: Call, coverage: tuple[Span, ...] = ()) -> Collection:
    made = Collection(
        *("forensics test", "eu-west-1", None, ["shop"], at("00:00:00"), at("12:00:00"), ASKED_AT, 100)
    )
    made.calls, made.coverage = list(calls), list(coverage)
    return made


def call(action: str, *files: str, **more: Any) -> Call:  # noqa: ANN401 - fields of Call
    return Call(action.partition(":")[0], action, None, ASKED_AT, 1, 0, list(files), **more)


def test_pages_are_as_old_as_the_asking_and_cover_what_the_record_says(tmp_path: Path) -> None:
    write(tmp_path, "describe-scaling-activities.json", ACTIVITIES)
    write(tmp_path, "describe-target-health.web.json", {"TargetHealthDescriptions": [
        {"Target": {"Id": "10.0.0.1", "Port": 80}, "TargetHealth": {"State": "healthy"}}
    ]})  # fmt: skip
    span = Span("scaling_activities", at("01:00:00"), at("02:00:00"))
    collection(
        call("autoscaling:DescribeScalingActivities", "describe-scaling-activities.json"),
        call("elasticloadbalancing:DescribeTargetHealth", "describe-target-health.web.json"),
        coverage=(span,),
    ).write(tmp_path)
    timeline = read_timeline(tmp_path)
    assert timeline.coverage.rows() == [
        (span.source, span.covered_from, span.covered_to, "collection.json", None, "eu-west-1")
    ]
    assert timeline.settings["valid_from"].to_list() == [ASKED_AT]
    assert timeline.problems == []


def test_files_beside_a_collection_are_read_as_ever(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    write(pages, "describe-scaling-activities.json", {"Activities": []})
    collection(call("autoscaling:DescribeScalingActivities", "describe-scaling-activities.json")).write(pages)
    write(tmp_path, "describe-instances.json", {"Reservations": []})
    timeline = read_timeline(tmp_path)
    assert timeline.coverage.rows() == [
        ("instances", READ_AT, READ_AT, "describe-instances.json", None, None)
    ]


def test_calls_that_failed_alike_are_one_sentence(tmp_path: Path) -> None:
    lost = {"fault": "unreachable", "message": "cannot be reached"}
    collection(
        *(call(f"ec2:Describe{number}", **lost) for number in range(10)),
        call("cloudwatch:GetMetricData", fault="denied", message="access denied"),
    ).write(tmp_path)
    first, second = read_timeline(tmp_path).problems
    assert first.ref == "aws eu-west-1"
    assert first.what.startswith("ec2:Describe0, ec2:Describe1")
    assert first.what.endswith("and 2 more: cannot be reached")
    assert (first.is_loss, second.is_loss) == (True, False)


def test_load_balancers_beyond_the_most_are_said(tmp_path: Path) -> None:
    record = collection()
    record.left_out = 7
    record.write(tmp_path)
    (problem,) = read_timeline(tmp_path).problems
    assert problem.what == "7 load balancers of the logs were not asked about: give --lb"


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"collection": {}, "calls": 5}',
        '{"collection": {}, "calls": [5, {}, {"files": 3}, {"asked_at": "soon", "files": ["a.json"]}]}',
        '{"collection": {}, "calls": [{"asked_at": "2026-03-03T00:00Z", "files": ["../../etc/passwd", 4]}]}',
        '{"calls": ' + "[" * 100_000,
    ],
)
def test_a_damaged_record_costs_itself_only(content: str, tmp_path: Path) -> None:
    write(tmp_path, "collection.json", content)
    write(tmp_path, "describe-instances.json", {"Reservations": []})
    assert set(page_times(tmp_path)) <= {tmp_path / "../../etc/passwd"}
    timeline = read_timeline(tmp_path)
    assert timeline.coverage["source"].to_list() == ["instances"]


def test_a_span_without_ends_is_a_problem() -> None:
    spans = [{"source": "ec2"}, {"covered_from": 5, "covered_to": "later", "source": "ec2"}]
    findings = parsed({"collection": {}, "calls": [], "coverage": spans}, "collection")
    assert findings.coverage == []
    assert [problem.ref for problem in findings.problems if "span without" in problem.what] == [
        "collection.json coverage[1]",
        "collection.json coverage[2]",
    ]


def test_a_group_whose_name_no_file_can_carry_is_named_as_in_a_url(tmp_path: Path) -> None:
    write(tmp_path, "describe-lifecycle-hooks.team%2Fwarm.json", {"LifecycleHooks": []})
    settings = read_timeline(tmp_path).settings
    assert set(settings["resource"]) == {"auto-scaling-group/team/warm"}


class FakeAsk:
    """Answers DescribeScalingActivities from pages, as a botocore without Filters."""

    def __init__(self, pages: list[list[datetime]], *, is_whole: bool = True) -> None:
        self.pages, self.is_whole = pages, is_whole
        self.read, self.parameters = 0, dict[str, Any]()
        self.spans: list[tuple[str, datetime, datetime]] = []
        self.newest: datetime | None = None

    def takes(self, api: Api, parameter: str) -> bool:
        return (api, parameter) != (aws_apis.ACTIVITIES, "Filters")

    def covered(self, source: str, covered_from: datetime, covered_to: datetime) -> None:
        self.spans.append((source, covered_from, covered_to))

    def showed(self, source: str, at: datetime) -> None:
        assert source == "scaling_activities"
        self.newest = max(at, self.newest or at)

    def ask(self, api: Api, *, note: Callable[[Any], bool] | None = None, **parameters: Any) -> bool:  # noqa: ANN401 - as Collector
        if api is not aws_apis.ACTIVITIES or note is None:
            return True
        self.parameters = parameters
        for page in self.pages:
            self.read += 1
            if note({"Activities": [{"StartTime": start} for start in page]}) is True:
                return True
        return self.is_whole


def test_without_filters_pages_are_read_until_they_are_too_old() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ages = [[1, 2], [3, 4], [20, 40], [50, 60]]
    ask: Any = FakeAsk([[now - timedelta(hours=age) for age in page] for page in ages])
    autoscaling_fetch.fetch(Scope(["shop"], now - timedelta(hours=12), now), ask)
    assert ask.read == 3
    assert "Filters" not in ask.parameters
    ((source, covered_from, covered_to),) = ask.spans
    assert (source, covered_from) == ("scaling_activities", now - timedelta(hours=14))
    assert now <= covered_to < now + timedelta(minutes=5)
    assert ask.newest == now - timedelta(hours=1)


def test_a_metric_names_what_it_counts_by_its_label() -> None:
    points = {"Timestamps": ["2026-03-02T10:40:00+00:00", 1772448060], "Values": [3.0, 2]}
    results = [
        {"Id": "m1", "Label": "app/shop/50dc HTTPCode_ELB_502_Count", **points},
        {"Id": "m2", "Label": "app/shop/50dc targetgroup/web/94 HealthyHostCount", **points},
        {"Id": "m3", "Label": "CPUUtilization", **points},
    ]
    findings = parsed({"MetricDataResults": [*results, results[0]]})
    rows = findings.metrics_frame()
    assert rows.height == 4
    assert rows.filter(pl.col("target_group").is_null()).rows() == [
        ("app/shop/50dc", None, "HTTPCode_ELB_502_Count", at("10:40:00"), 3.0),
        ("app/shop/50dc", None, "HTTPCode_ELB_502_Count", at("10:41:00"), 2.0),
    ]
    assert set(rows["target_group"].drop_nulls()) == {"targetgroup/web/94"}


@pytest.mark.parametrize(
    "broken",
    [
        {"Timestamps": ["2026-03-02T10:40:00Z"], "Values": []},
        {"Timestamps": "soon", "Values": [1]},
        {"Timestamps": ["soon"], "Values": [1]},
        {"Timestamps": ["2026-03-02T10:40:00Z"], "Values": ["many"]},
        {"Timestamps": ["2026-03-02T10:40:00Z"], "Values": [None]},
    ],
)
def test_a_broken_metric_is_a_problem_that_names_its_place(broken: dict[str, Any]) -> None:
    findings = parsed({"MetricDataResults": [{"Label": "app/shop/50dc RequestCount", **broken}]})
    assert findings.metrics == []
    assert [problem.ref for problem in findings.problems] == ["dump.json MetricDataResults[1]"]


def test_a_listener_says_where_its_port_leads() -> None:
    pages = Path(__file__).parents[2] / "fixtures" / "timeline" / "aws"
    settings = read_timeline(pages / "describe-listeners.json").settings
    values = dict(settings.select("setting", "value").iter_rows())
    assert set(settings["resource"]) == {
        "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/shop/7157993d65725fa4"
    }
    assert values == {
        "listener.443.protocol": "HTTPS",
        "listener.443.ssl_policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "listener.443.default_target_group_arns": (
            "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/k8s-web-620b83f178/46a50a74133161bc"
        ),
        "listener.80.protocol": "HTTP",
    }
    assert [p.what for p in parsed({"Listeners": [{"Port": 80}]}).problems] == [
        "listener without LoadBalancerArn or Port"
    ]


def test_the_other_pages_of_the_fixtures_are_understood() -> None:
    folder = Path(__file__).parents[2] / "fixtures" / "timeline" / "aws"
    timeline = read_timeline(folder)
    assert timeline.problems == []
    assert {"ec2", "autoscaling", "elbv2", "cloudwatch"} == timeline.sources
    kinds = set(timeline.events["kind"])
    assert kinds == {"instance_impaired", "spot_interrupted", "scaling_decided", "other"}
    value = timeline.settings.filter(pl.col("setting") == "lifecycle_hooks.terminating")
    assert dict(value.select("resource", "value").iter_rows()) == {"auto-scaling-group/web": "drain"}
    findings = parsed(json.loads((folder / "describe-instance-refreshes.json").read_text()))
    assert told(findings, "kind", "asg_name", "reason") == [
        ("scaling_decided", "bulk-ingest", "refresh"),
        ("other", "bulk-ingest", "refresh"),
    ]
