"""Auto Scaling dumps: activities and their causes, groups, hooks, refreshes, warm pools."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.timeline.activity_causes import cause_class, decisions, reason
from pipeline.timeline.base import Findings
from tests.support.timeline_dumps import READ_AT, at, parsed, recorded, told

ID = "i-0b1e5f00d2a4c6e81"
SHRINK = (
    "At 2026-03-02T11:04:30Z an instance was taken out of service in response to a difference between desired"
    " and actual capacity, shrinking the capacity from 4 to 3."
)


def activity(**fields: object) -> dict[str, Any]:
    return {
        "ActivityId": "a-1",
        "AutoScalingGroupName": "bulk-ingest",
        "Description": f"Terminating EC2 instance: {ID}",
        "Cause": SHRINK,
        "StartTime": "2026-03-02T11:04:30.412Z",
        "EndTime": "2026-03-02T11:05:52Z",
        "StatusCode": "Successful",
        **fields,
    }


def one(**fields: object) -> Findings:
    return parsed({"Activities": [activity(**fields)]})


def test_the_recorded_scale_in_is_told_with_decision_start_and_end() -> None:
    findings = recorded("describe-scaling-activities")
    assert told(findings, "kind", "occurred_at", "instance_id", "asg_name", "node_group", "reason") == [
        ("scaling_decided", at("11:04:21"), None, "bulk-ingest", "bulk-ingest", "scale_in"),
        ("termination_started", at("11:04:30.412000"), ID, "bulk-ingest", "bulk-ingest", "scale_in"),
        ("node_left", at("11:05:52"), ID, "bulk-ingest", "bulk-ingest", "scale_in"),
    ]
    left = next(event for event in findings.events if event["kind"] == "node_left")
    assert left["uncertainty_s"] == pytest.approx(81.588)
    assert left["detail"].startswith(f"policy_alarm: Terminating EC2 instance: {ID} At 2026-03-02T11:04:21Z")
    assert findings.problems == []


@pytest.mark.parametrize(
    ("name", "why", "cause"),
    [
        (
            "scheduled",
            "scale_in",
            "At 2021-05-04T20:00:01Z a scheduled action update of AutoScalingGroup constraints. " + SHRINK,
        ),
        (
            "policy_alarm",
            "scale_in",
            "At 2020-01-01T00:00:00Z a monitor alarm ScaleIn in state ALARM triggered policy P. " + SHRINK,
        ),
        (
            "instance_refresh",
            "refresh",
            "an instance was taken out of service in response to an instance refresh.",
        ),
        (
            "elb_unhealthy",
            "unhealthy",
            "an instance was taken out of service in response to an ELB system health check failure.",
        ),
        (
            "ec2_gone",
            "gone",
            "in response to an EC2 health check indicating it has been terminated or stopped.",
        ),
        ("ec2_unhealthy", "unhealthy", "in response to a EC2 instance status checks failure."),
        ("user_unhealthy", "unhealthy", "taken out of service in response to a user health-check."),
        ("replace_unhealthy", "unhealthy", "in response to an unhealthy instance needing to be replaced."),
        (
            "user_request",
            "user_request",
            "instance i-0123456789abcdef0 was taken out of service in response to a user request, shrinking.",
        ),
        ("user_request", "user_request", "a user request explicitly set group desired capacity"),
        ("spot", "spot", "in response to a Spot Instance interruption notice."),
        ("rebalance", "rebalance", "in response to an EC2 instance rebalance recommendation."),
        (
            "rebalance",
            "rebalance",
            "instances were launched to balance instances in zones us-east-1b with other zones resulting in.",
        ),
        ("capacity_diff", "scale_in", SHRINK),
        ("other", "other", "an instance was taken out of service for a reason nobody knows."),
        ("other", "other", ""),
    ],
)
def test_every_known_cause_has_its_class_and_reason(name: str, why: str, cause: str) -> None:
    assert (cause_class(cause), reason(cause, is_launch=False)) == (name, why)


def test_growth_is_scale_out() -> None:
    assert reason("a difference between desired and actual capacity", is_launch=True) == "scale_out"


def test_a_cause_cut_at_its_limit_still_tells_its_decision() -> None:
    cause = "At 2026-03-02T11:04:21Z a monitor alarm changing the desired capacity from 4 to 3.  At 2026-03-0"
    assert [(d.decided_at, d.before, d.after) for d in decisions(cause)] == [(at("11:04:21"), 4, 3)]


def test_a_decision_repeated_on_each_activity_is_one_event() -> None:
    cause = "At 2026-03-02T11:04:21Z a user request update changing the desired capacity from 4 to 2."
    findings = parsed(
        {
            "Activities": [
                activity(Cause=cause),
                activity(
                    Cause=cause, ActivityId="a-2", Description="Terminating EC2 instance: i-0123456789abcdef0"
                ),
            ]
        }
    )
    kinds = findings.events_frame()["kind"].to_list()
    assert kinds.count("scaling_decided") == 1
    assert kinds.count("node_left") == 2


def test_a_launch_is_launched_at_its_start_and_joined_at_its_end() -> None:
    findings = one(Description=f"Launching a new EC2 instance: {ID}")
    assert told(findings, "kind", "occurred_at", "instance_id", "reason") == [
        ("instance_launched", at("11:04:30.412000"), ID, "scale_out"),
        ("node_joined", at("11:05:52"), ID, "scale_out"),
    ]


def test_a_launch_still_running_has_not_joined() -> None:
    findings = one(Description=f"Launching a new EC2 instance: {ID}", EndTime=None, StatusCode="PreInService")
    assert told(findings, "kind") == [("instance_launched",)]


@pytest.mark.parametrize("status", ["Failed", "Cancelled"])
def test_a_launch_that_failed_never_served(status: str) -> None:
    text = f"Launching a new EC2 instance: {ID}.  Status Reason: Heartbeat Timeout"
    assert told(one(Description=text, StatusCode=status), "kind", "reason") == [("other", "launch_failed")]


def test_a_capacity_failure_names_no_instance() -> None:
    text = (
        "Launching a new EC2 instance.  Status Reason: We currently do not have sufficient m5.large capacity"
    )
    findings = one(Description=text, StatusCode="Failed")
    assert told(findings, "kind", "instance_id", "reason") == [("other", None, "launch_failed")]


def test_going_into_the_warm_pool_is_no_join_and_coming_from_it_is() -> None:
    into = one(Description=f"Launching a new EC2 instance into warm pool: {ID}")
    out = one(Description=f"Launching a new EC2 instance from warm pool: {ID}")
    assert told(into, "kind", "reason") == [("other", "warm_pool")]
    assert told(out, "kind", "instance_id") == [("node_joined", ID)]


@pytest.mark.parametrize(
    ("fields", "is_graceful"),
    [
        ({}, None),
        ({"StatusCode": "WaitingForELBConnectionDraining", "EndTime": None}, True),
        ({"Description": f"Terminating EC2 instance: {ID} - Waiting For ELB Connection Draining."}, True),
        ({"StatusCode": "MidLifecycleAction", "EndTime": None}, True),
        (
            {"Cause": "in response to an EC2 health check indicating it has been terminated or stopped."},
            False,
        ),
        ({"Cause": "in response to an EC2 instance status check failure."}, False),
    ],
)
def test_a_termination_is_graceful_where_it_can_be_told(
    fields: dict[str, Any], *, is_graceful: bool | None
) -> None:
    started = next(event for event in one(**fields).events if event["kind"] == "termination_started")
    assert started["is_graceful"] is is_graceful
    assert started["instance_id"] == ID


def test_a_cancelled_termination_did_not_end_anything() -> None:
    assert told(one(StatusCode="Cancelled"), "kind", "reason") == [("other", "termination_failed")]


@pytest.mark.parametrize(
    ("description", "kind", "why"),
    [
        (f"Moving EC2 instance to Standby: {ID}", "target_deregistered", "standby"),
        (f"Moving EC2 instance out of Standby: {ID}", "target_registered", "attached"),
        (f"Detaching EC2 instance: {ID}", "target_deregistered", "detached"),
        (f"Attaching an existing EC2 instance: {ID}", "target_registered", "attached"),
        (f"Doing something new to EC2 instance: {ID}", "other", "other"),
    ],
)
def test_moves_without_termination_are_registrations(description: str, kind: str, why: str) -> None:
    assert told(one(Description=description), "kind", "instance_id", "reason") == [(kind, ID, why)]


def test_the_instance_is_the_one_described_not_one_of_the_cause() -> None:
    cause = SHRINK + " At 2026-03-02T11:04:30Z instance i-0ffffffffffffffff was selected for termination."
    assert {event["instance_id"] for event in one(Cause=cause).events} == {ID}


def test_an_activity_without_time_or_id_is_a_problem_naming_it() -> None:
    findings = parsed({"Activities": [activity(StartTime="soon"), activity(ActivityId=None), 7, activity()]})
    assert [(p.ref, p.what) for p in findings.problems] == [
        ("dump.json Activities[1]", "StartTime is no time: 'soon'"),
        ("dump.json Activities[1]", "activity without StartTime or ActivityId"),
        ("dump.json Activities[2]", "activity without StartTime or ActivityId"),
        ("dump.json Activities[3]", "is no object"),
    ]
    assert len(findings.events) == 2


def test_local_offsets_and_epoch_seconds_are_the_same_instant() -> None:
    offset = one(StartTime="2026-03-02T12:04:30.412+01:00")
    epoch = one(StartTime=1772449470.412)
    assert (
        told(offset, "occurred_at", "kind")
        == told(epoch, "occurred_at", "kind")
        == told(one(), "occurred_at", "kind")
    )


def test_activities_cover_six_weeks_before_the_file_up_to_the_file() -> None:
    (span,) = one().coverage
    assert (span["source"], span["covered_to"]) == ("scaling_activities", READ_AT)
    assert span["covered_from"] == READ_AT - timedelta(weeks=6)


def test_a_file_copied_years_later_covers_no_more_than_the_api_can_have_told() -> None:
    (span,) = one(StartTime="2024-03-02T11:04:30Z", EndTime=None).coverage
    assert span["covered_to"] == at("11:04:30").replace(year=2024) + timedelta(weeks=6)
    assert span["covered_from"] == at("11:04:30").replace(year=2024)


def test_a_page_with_a_following_one_covers_back_to_its_oldest_activity() -> None:
    (span,) = parsed({"Activities": [activity()], "NextToken": "more"}).coverage
    assert span["covered_from"] == at("11:04:30.412000")


def test_an_empty_listing_says_that_nothing_happened() -> None:
    findings = parsed({"Activities": []})
    assert findings.events == []
    assert findings.coverage[0]["covered_from"] == READ_AT - timedelta(weeks=6)
    assert findings.coverage[0]["covered_to"] == READ_AT


def settings(findings: Findings) -> dict[tuple[str, str], str]:
    return {(row["resource"], row["setting"]): row["value"] for row in findings.settings}


def test_a_group_names_its_target_groups_role_and_instances() -> None:
    group = {
        "AutoScalingGroupName": "bulk-ingest",
        "TargetGroupARNs": ["arn:b"],
        "TrafficSources": [
            {"Identifier": "arn:a", "Type": "elbv2"},
            {"Identifier": "x", "Type": "vpc-lattice"},
        ],
        "HealthCheckType": "ELB",
        "HealthCheckGracePeriod": 300,
        "Tags": [{"Key": "Role", "Value": "bulk"}],
        "Instances": [
            {"InstanceId": ID, "LifecycleState": "Terminating:Wait", "HealthStatus": "Healthy"},
            {},
        ],
    }
    findings = parsed({"AutoScalingGroups": [group, {}]})
    found = settings(findings)
    assert found["auto-scaling-group/bulk-ingest", "target_group_arns"] == "arn:a,arn:b"
    assert found["auto-scaling-group/bulk-ingest", "node_group"] == "bulk"
    assert found["auto-scaling-group/bulk-ingest", "health_check_grace_period_seconds"] == "300"
    assert found[f"instance/{ID}", "asg_name"] == "bulk-ingest"
    assert found[f"instance/{ID}", "lifecycle_state"] == "Terminating:Wait"
    assert findings.events == []
    assert [p.what for p in findings.problems] == ["group without AutoScalingGroupName"]


def test_a_group_with_an_arn_is_named_by_it_and_its_instances_and_activities_say_which_it_is() -> None:
    arn = "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:0c9e:autoScalingGroupName/team/web"
    group = {
        "AutoScalingGroupName": "team/web",
        "AutoScalingGroupARN": arn,
        "Instances": [{"InstanceId": ID}],
    }
    found = settings(parsed({"AutoScalingGroups": [group]}))
    assert found[arn, "name"] == "team/web"
    assert found[f"instance/{ID}", "asg_arn"] == arn
    activity = {
        "ActivityId": "a-1",
        "AutoScalingGroupName": "team/web",
        "AutoScalingGroupARN": arn,
        "Description": f"Launching a new EC2 instance: {ID}",
        "StartTime": "2026-03-02T11:00:00Z",
    }
    assert settings(parsed({"Activities": [activity]}))[f"instance/{ID}", "asg_arn"] == arn


def test_listed_instances_name_their_group_and_make_no_event() -> None:
    instance = {"InstanceId": ID, "AutoScalingGroupName": "bulk-ingest", "LifecycleState": "InService"}
    findings = parsed({"AutoScalingInstances": [instance]})
    assert settings(findings)[f"instance/{ID}", "asg_name"] == "bulk-ingest"
    assert findings.events == []


def test_warm_instances_are_named_warm() -> None:
    dump = {
        "WarmPoolConfiguration": {},
        "Instances": [{"InstanceId": ID, "LifecycleState": "Warmed:Stopped"}],
    }
    findings = parsed(dump, "describe-warm-pool.bulk-ingest")
    assert settings(findings)[f"instance/{ID}", "lifecycle_state"] == "Warmed:Stopped"
    assert settings(findings)[f"instance/{ID}", "asg_name"] == "bulk-ingest"


def test_hooks_are_settings_of_their_group_and_a_missing_one_is_none() -> None:
    hook = {
        "LifecycleHookName": "drain",
        "AutoScalingGroupName": "bulk-ingest",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "HeartbeatTimeout": 120,
        "DefaultResult": "CONTINUE",
    }
    found = settings(parsed({"LifecycleHooks": [hook]}))
    group = "auto-scaling-group/bulk-ingest"
    assert found[group, "lifecycle_hooks.terminating"] == "drain"
    assert found[group, "lifecycle_hooks.terminating.heartbeat_timeout_seconds"] == "120"
    assert found[group, "lifecycle_hooks.terminating.default_result"] == "CONTINUE"
    assert found[group, "lifecycle_hooks.launching"] == "none"


def test_a_listing_without_hooks_says_none_for_the_group_of_its_file_name() -> None:
    found = settings(parsed({"LifecycleHooks": []}, "describe-lifecycle-hooks.bulk.ingest"))
    assert found["auto-scaling-group/bulk.ingest", "lifecycle_hooks.terminating"] == "none"


def test_a_refresh_is_a_decision_at_its_start_and_an_event_at_its_end() -> None:
    refresh = {
        "InstanceRefreshId": "r-1",
        "AutoScalingGroupName": "web",
        "Status": "Successful",
        "StartTime": "2026-03-02T11:00:00Z",
        "EndTime": "2026-03-02T11:30:00Z",
    }
    assert told(parsed({"InstanceRefreshes": [refresh]}), "kind", "occurred_at", "asg_name", "reason") == [
        ("scaling_decided", at("11:00:00"), "web", "refresh"),
        ("other", at("11:30:00"), "web", "refresh"),
    ]
