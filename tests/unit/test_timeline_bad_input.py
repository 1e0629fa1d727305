"""What is wrong with a dump is said with file and record, costs itself only, and the rest goes on.

One case for each kind of bad input that was met, in a folder beside a good file.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.timeline.base import Problem
from pipeline.timeline.folder import Timeline, read_timeline
from tests.support.timeline_dumps import FIXTURES, at, write

NODE, GONE = "i-0c2f6a11e3b5d7f92", "i-0b1e5f00d2a4c6e81"
GOOD = {
    "ActivityId": "a-good",
    "AutoScalingGroupName": "web",
    "Description": f"Terminating EC2 instance: {GONE}",
    "Cause": "",
    "StartTime": "2026-03-02T11:04:30.412000+00:00",
    "StatusCode": "Successful",
}


def stop(event_id: str, when: object, instance_id: str = NODE) -> dict[str, Any]:
    asked = {"instancesSet": {"items": [{"instanceId": instance_id}]}}
    return {
        "eventID": event_id,
        "eventName": "StopInstances",
        "eventSource": "ec2.amazonaws.com",
        "eventTime": when,
        "requestParameters": asked,
    }


def beside_a_good_file(
    folder: Path, content: object, name: str = "bad.json"
) -> tuple[Timeline, list[Problem]]:
    """The timeline of both, which holds the good file's event, and what is said of the bad one."""
    write(folder, "good.json", {"Activities": [GOOD]})
    write(folder, name, content)
    timeline = read_timeline(folder)
    assert timeline.events.filter(source="autoscaling", instance_id=GONE).height == 1
    assert all(problem.ref.startswith(name) for problem in timeline.problems)
    return timeline, timeline.problems


def test_half_a_json_names_file_byte_and_record_and_its_whole_records_count(tmp_path: Path) -> None:
    whole = json.dumps(
        {"Records": [stop("e-1", "2026-03-02T11:00:00Z"), stop("e-2", "2026-03-02T11:30:00Z")]}
    )
    timeline, (problem,) = beside_a_good_file(tmp_path, whole[:-40])
    assert (problem.ref, problem.is_loss) == ("bad.json", True)
    assert problem.what == f"cut short at byte {len(whole) - 40}: used up to record 1"
    assert timeline.events.filter(source="cloudtrail").height == 1


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("activities", "Activities"),
        ("Activity", "Activities"),
        ("records", "Records"),
        ("Reservation", "Reservations"),
    ],
)
def test_a_top_key_that_is_nearly_right_is_named_with_the_right_one(
    key: str, meant: str, tmp_path: Path
) -> None:
    _, (problem,) = beside_a_good_file(tmp_path, {key: [GOOD]})
    assert problem.what == f"no known kind of dump (top keys: {key}); is {meant} meant?"
    assert problem.is_loss


def test_a_top_key_of_another_dump_is_named_and_costs_nothing(tmp_path: Path) -> None:
    _, (problem,) = beside_a_good_file(tmp_path, {"Buckets": [], "Owner": {}})
    assert (problem.what, problem.is_loss) == ("no known kind of dump (top keys: Buckets, Owner)", False)


def test_a_right_key_with_a_wrong_value_is_named(tmp_path: Path) -> None:
    _, (problem,) = beside_a_good_file(tmp_path, {"Reservations": {"InstanceId": NODE}})
    assert (problem.ref, problem.what) == ("bad.json", "Reservations is no list")


def test_versions_of_cli_and_trail_may_be_mixed_and_tell_the_same_event_once(tmp_path: Path) -> None:
    old = {**stop("e-1", 1772449200), "eventVersion": "1.02", "RequestParameters": None}
    old["RequestParameters"] = old.pop("requestParameters")
    new = {**stop("e-1", "2026-03-02T11:00:00Z"), "eventVersion": "1.11", "eventCategory": "Management"}
    looked_up = {"EventId": "e-1", "EventTime": 1772449200.0, "CloudTrailEvent": json.dumps(new)}
    pages = [{"Records": [old]}, {"Records": [new]}, {"Events": [looked_up]}]
    timeline, problems = beside_a_good_file(tmp_path, pages)
    assert problems == []
    (event,) = timeline.events.filter(source="cloudtrail").rows(named=True)
    assert (event["instance_id"], event["occurred_at"]) == (NODE, at("11:00:00"))


def test_an_api_version_that_is_not_read_is_named_and_its_list_goes_on(tmp_path: Path) -> None:
    listed = json.loads((FIXTURES / "kubectl-list.json").read_text())
    expected = write(tmp_path / "alone", "list.json", listed).parent
    old = {"kind": "PodSecurityPolicy", "apiVersion": "policy/v1beta1", "metadata": {"name": "old"}}
    listed["items"].insert(0, old)
    timeline, (problem,) = beside_a_good_file(tmp_path / "both", listed)
    assert (problem.ref, problem.is_loss) == ("bad.json", False)
    assert problem.what == "1 objects of kind PodSecurityPolicy are not used"
    told = set(read_timeline(expected).events["event_id"])
    assert told <= set(timeline.events["event_id"])


@pytest.mark.parametrize(
    "when",
    [
        "2026-03-02T12:00:00+01:00",
        "2026-03-02 11:00:00 GMT",
        "2026-03-02T11:00:00",
        1772449200,
        "1772449200",
        1772449200000,
    ],
)
def test_local_offsets_and_epochs_are_instants_and_no_problem(when: object, tmp_path: Path) -> None:
    timeline, problems = beside_a_good_file(tmp_path, {"Records": [stop("e-1", when)]})
    assert problems == []
    assert timeline.events.filter(source="cloudtrail")["occurred_at"].to_list() == [at("11:00:00")]


@pytest.mark.parametrize("when", ["yesterday", "02/03/2026 11:00", True, {}])
def test_a_stamp_that_is_no_time_names_record_and_text(when: object, tmp_path: Path) -> None:
    records = [stop("e-0", "2026-03-02T11:00:00Z"), stop("e-1", when)]
    timeline, problems = beside_a_good_file(tmp_path, {"Records": records})
    assert problems[0].ref == "bad.json Records[2]"
    assert str(when) in problems[0].what
    assert timeline.events.filter(source="cloudtrail").height == 1


@pytest.mark.parametrize(
    ("content", "record", "what"),
    [
        ({"Activities": [{"ActivityId": "a"}]}, "Activities[1]", "without StartTime or ActivityId"),
        ({"AutoScalingGroups": [{}]}, "AutoScalingGroups[1]", "without AutoScalingGroupName"),
        ({"Reservations": [{"Instances": [{}]}]}, "Reservations[1]", "instance without InstanceId"),
        ({"InstanceStatuses": [{}]}, "InstanceStatuses[1]", "status without InstanceId"),
        ({"LoadBalancers": [{}]}, "LoadBalancers[1]", "without LoadBalancerArn"),
        ({"TargetGroups": [{}]}, "TargetGroups[1]", "without TargetGroupArn"),
        ({"Listeners": [{}]}, "Listeners[1]", "without LoadBalancerArn or Port"),
        ({"TargetHealthDescriptions": [{}]}, "TargetHealthDescriptions[1]", "without Id or State"),
        ({"Attributes": [{}]}, "Attributes[1]", "attribute without Key"),
        ({"Records": [{"eventName": "X"}]}, "Records[1]", "without eventTime or eventName"),
        ({"Events": [{"EventName": "X"}]}, "Events[1]", "CloudTrailEvent is no JSON object"),
        ({"MetricDataResults": [{"Label": "app/a/b RequestCount"}]}, "MetricDataResults[1]", ""),
        ({"kind": "List", "apiVersion": "v1", "items": [{"kind": "Pod"}]}, "items[1]", ""),
    ],
)
def test_a_missing_field_names_the_record_that_lacks_it(
    content: dict[str, Any], record: str, what: str, tmp_path: Path
) -> None:
    _, problems = beside_a_good_file(tmp_path, content)
    assert f"bad.json {record}" in {problem.ref for problem in problems}
    assert any(what in problem.what for problem in problems)


def test_an_id_that_stands_for_two_calls_is_named_with_both_records(tmp_path: Path) -> None:
    records = [stop("e-1", "2026-03-02T11:00:00Z"), stop("e-1", "2026-03-02T15:00:00Z")]
    timeline, (problem,) = beside_a_good_file(tmp_path, {"Records": records})
    assert problem.ref == "bad.json Records[2]"
    assert problem.what == (
        "has the id of bad.json Records[1], and another time: both are taken for one event"
    )
    assert problem.is_loss
    assert timeline.events.filter(source="cloudtrail").height == 1


def test_an_activity_id_that_is_used_again_is_named_and_one_that_ended_since_is_not(tmp_path: Path) -> None:
    later = (at("11:04:30") + timedelta(hours=3)).isoformat()
    ended = {**GOOD, "EndTime": "2026-03-02T11:05:52Z", "StatusCode": "Successful"}
    write(tmp_path / "known", "a.json", [{"Activities": [GOOD]}, {"Activities": [ended]}])
    assert read_timeline(tmp_path / "known").problems == []
    write(tmp_path / "reused", "a.json", {"Activities": [GOOD, {**GOOD, "StartTime": later}]})
    assert [one.ref for one in read_timeline(tmp_path / "reused").problems] == ["a.json Activities[2]"]


def test_an_instance_or_node_name_that_comes_back_is_no_problem(tmp_path: Path) -> None:
    again = [stop("e-1", "2026-03-02T11:00:00Z"), stop("e-2", "2026-03-02T15:00:00Z")]
    timeline, problems = beside_a_good_file(tmp_path, {"Records": again})
    assert problems == []
    assert timeline.events.filter(source="cloudtrail").height == 2
