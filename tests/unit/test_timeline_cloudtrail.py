"""CloudTrail records from trails, lookups and EventBridge, and the events of EventBridge itself."""

import json
from datetime import timedelta
from typing import Any

import pytest

from pipeline.timeline.aws_apis import LOOKUP, MOST_PASTS
from pipeline.timeline.base import Findings
from pipeline.timeline.cloudtrail_calls import CALLS
from tests.support.timeline_dumps import READ_AT, SHOP, WEB, at, parsed, recorded, told

NODE = "i-0c2f6a11e3b5d7f92"
GONE = "i-0b1e5f00d2a4c6e81"


def record(name: str, asked: object = None, **fields: object) -> dict[str, Any]:
    return {
        "eventID": f"e-{name}",
        "eventName": name,
        "eventTime": "2026-03-02T11:04:31Z",
        "userIdentity": {"arn": "arn:aws:sts::1:assumed-role/ops"},
        "requestParameters": asked,
        **fields,
    }


def one(name: str, asked: object = None, **fields: object) -> Findings:
    return parsed({"Records": [record(name, asked, **fields)]})


def test_the_recorded_trail_tells_deregistration_launch_and_spot_loss() -> None:
    findings = recorded("cloudtrail-records")
    assert told(
        findings, "kind", "occurred_at", "instance_id", "private_ip", "asg_name", "target_group_arn"
    ) == [
        ("target_deregistered", at("11:04:31"), GONE, None, None, WEB),
        ("instance_launched", at("11:20:04"), NODE, "10.0.3.44", "bulk-ingest", None),
        ("instance_terminated", at("12:31:08"), NODE, None, None, None),
        ("spot_interrupted", at("12:31:08"), NODE, None, None, None),
    ]
    launched = next(event for event in findings.events if event["kind"] == "instance_launched")
    assert launched["vpc_id"] == "vpc-0aa1"
    assert launched["detail"] == "RunInstances by autoscaling.amazonaws.com"
    assert findings.problems == []
    (span,) = findings.coverage
    assert (span["source"], span["covered_from"], span["covered_to"]) == (
        "cloudtrail",
        at("11:04:31"),
        at("12:31:08"),
    )


def test_the_recorded_lookup_holds_its_record_in_a_string() -> None:
    findings = recorded("lookup-events")
    assert told(findings, "kind", "occurred_at", "instance_id") == [
        ("instance_terminated", at("11:05:12"), GONE)
    ]
    assert findings.coverage[0]["covered_from"] == at("11:05:12")
    assert findings.coverage[0]["covered_to"] == READ_AT


def test_a_lookup_copied_years_later_covers_ninety_days_at_most() -> None:
    old = record("X", eventTime="2024-01-01T00:00:00Z")
    (span,) = parsed({"Events": [{"CloudTrailEvent": json.dumps(old)}]}).coverage
    assert span["covered_to"] - span["covered_from"] == timedelta(days=90)


def test_an_empty_lookup_says_that_nothing_was_called() -> None:
    (span,) = parsed({"Events": []}).coverage
    assert (span["covered_from"], span["covered_to"]) == (READ_AT - timedelta(days=90), READ_AT)


def test_a_lookup_entry_fills_what_the_record_leaves_out() -> None:
    inner = json.dumps({"requestParameters": {"instancesSet": {"items": [{"instanceId": NODE}]}}})
    entry = {
        "EventId": "e-9",
        "EventName": "StopInstances",
        "EventTime": 1772449471,
        "CloudTrailEvent": inner,
    }
    assert told(parsed({"Events": [entry]}), "kind", "occurred_at") == [("instance_stopped", at("11:04:31"))]


def test_a_cut_record_in_a_lookup_is_a_problem_naming_it() -> None:
    findings = parsed({"Events": [{"CloudTrailEvent": '{"eventID": "e-'}, {}]})
    assert [problem.ref for problem in findings.problems] == ["dump.json Events[1]", "dump.json Events[2]"]


def test_one_record_may_tell_of_many_instances_and_its_id_makes_each_one_event() -> None:
    asked = {"instancesSet": {"items": [{"instanceId": NODE}, {"instanceId": GONE}]}}
    both = parsed({"Records": [record("TerminateInstances", asked), record("TerminateInstances", asked)]})
    assert sorted(both.events_frame()["instance_id"]) == sorted([NODE, GONE])


@pytest.mark.parametrize(
    ("name", "asked", "kind", "why"),
    [
        ("StopInstances", {"instancesSet": {"items": [{"instanceId": NODE}]}}, "instance_stopped", None),
        (
            "StartInstances",
            {"instancesSet": {"items": [{"instanceId": NODE}]}},
            "instance_launched",
            "restarted",
        ),
        ("RebootInstances", {"instancesSet": {"items": [{"instanceId": NODE}]}}, "other", "reboot"),
        (
            "TerminateInstances",
            {"instancesSet": {"items": [{"instanceId": NODE}]}},
            "instance_terminated",
            None,
        ),
        ("TerminateInstanceInAutoScalingGroup", {"instanceId": NODE}, "termination_started", "user_request"),
        ("EnterStandby", {"instanceIds": [NODE]}, "target_deregistered", "standby"),
        ("ExitStandby", {"instanceIds": [NODE]}, "target_registered", "standby"),
        ("DetachInstances", {"instanceIds": {"items": [NODE]}}, "target_deregistered", "detached"),
        ("AttachInstances", {"instanceIds": [NODE]}, "target_registered", "attached"),
        (
            "SetInstanceHealth",
            {"instanceId": NODE, "healthStatus": "Unhealthy"},
            "instance_impaired",
            "unhealthy",
        ),
        (
            "SetInstanceHealth",
            {"instanceId": NODE, "healthStatus": "Healthy"},
            "other",
            "instance_health_set",
        ),
        ("CompleteLifecycleAction", {"instanceId": NODE}, "other", "lifecycle_action_completed"),
    ],
)
def test_calls_about_an_instance(name: str, asked: dict[str, Any], kind: str, why: str | None) -> None:
    assert told(one(name, asked), "kind", "instance_id", "reason") == [(kind, NODE, why)]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("SetDesiredCapacity", "user_request"),
        ("UpdateAutoScalingGroup", "user_request"),
        ("StartInstanceRefresh", "refresh"),
    ],
)
def test_calls_about_a_group_are_decisions(name: str, why: str) -> None:
    findings = one(name, {"autoScalingGroupName": "bulk-ingest", "desiredCapacity": 3})
    assert told(findings, "kind", "asg_name", "reason", "detail") == [
        (
            "scaling_decided",
            "bulk-ingest",
            why,
            f"{name} desiredCapacity=3 by arn:aws:sts::1:assumed-role/ops",
        )
    ]


def test_targets_are_instances_addresses_or_functions_each_with_its_port() -> None:
    targets = [
        {"id": NODE, "port": 30080},
        {"id": "10.0.2.77", "port": "8080"},
        {"id": "arn:aws:lambda:x"},
        {"id": NODE, "port": 99999},
    ]
    findings = one("RegisterTargets", {"targetGroupArn": WEB, "targets": targets})
    assert told(findings, "instance_id", "private_ip", "target_port", "kind") == [
        (NODE, None, 30080, "target_registered"),
        (None, "10.0.2.77", 8080, "target_registered"),
        (None, None, None, "target_registered"),
        (NODE, None, None, "target_registered"),
    ]
    assert {event["target_group_arn"] for event in findings.events} == {WEB}
    assert len({event["event_id"] for event in findings.events}) == 4


def test_every_address_of_a_launched_instance_is_an_event_with_its_role() -> None:
    item = {
        "instanceId": NODE,
        "privateIpAddress": "10.0.3.44",
        "tagSet": {
            "items": [{"key": "aws:autoscaling:groupName", "value": "asg"}, {"key": "role", "value": "bulk"}]
        },
        "networkInterfaceSet": {
            "items": [
                {
                    "privateIpAddress": "10.0.3.44",
                    "attachment": {"attachTime": 1772449500000},
                    "privateIpAddressesSet": {"item": [{"privateIpAddress": "10.0.3.45"}]},
                }
            ]
        },
    }
    findings = one("RunInstances", {}, responseElements={"instancesSet": {"items": [item, {}]}})
    assert sorted(told(findings, "private_ip", "occurred_at", "asg_name", "node_group")) == [
        ("10.0.3.44", at("11:05:00"), "asg", "bulk"),
        ("10.0.3.45", at("11:05:00"), "asg", "bulk"),
    ]
    assert [problem.what for problem in findings.problems] == ["launched instance without instanceId"]


def test_a_fleet_names_its_instances_somewhere_in_the_answer() -> None:
    answer = {"CreateFleetResponse": {"fleetInstanceSet": {"item": {"instanceIds": {"item": NODE}}}}}
    assert told(one("CreateFleet", responseElements=answer), "kind", "instance_id") == [
        ("instance_launched", NODE)
    ]


def test_changed_attributes_are_events_and_settings_from_then_on() -> None:
    asked = {
        "loadBalancerArn": SHOP,
        "attributes": [{"key": "idle_timeout.timeout_seconds", "value": "120"}, 5],
    }
    findings = one("ModifyLoadBalancerAttributes", asked)
    assert told(findings, "kind", "reason", "target_group_arn") == [
        ("setting_changed", "idle_timeout.timeout_seconds", None)
    ]
    (row,) = findings.settings
    assert (row["resource"], row["value"], row["valid_from"]) == (SHOP, "120", at("11:04:31"))


def test_a_changed_health_check_is_told_under_the_names_of_the_snapshot() -> None:
    findings = one("ModifyTargetGroup", {"targetGroupArn": WEB, "healthCheckIntervalSeconds": 5})
    assert [(row["resource"], row["setting"], row["value"]) for row in findings.settings] == [
        (WEB, "health_check.interval_seconds", "5")
    ]
    assert findings.events[0]["target_group_arn"] == WEB


@pytest.mark.parametrize(
    ("name", "asked", "reason"),
    [
        ("RevokeSecurityGroupIngress", {"groupId": "sg-01"}, "security_group"),
        (
            "ModifySecurityGroupRules",
            {"ModifySecurityGroupRulesRequest": {"GroupId": "sg-01"}},
            "security_group",
        ),
        (
            "SetSecurityGroups",
            {"securityGroups": ["sg-01", "sg-02"], "loadBalancerArn": SHOP},
            "security_group",
        ),
        (
            "ModifyNetworkInterfaceAttribute",
            {"groupSet": {"items": [{"groupId": "sg-01"}]}},
            "security_group",
        ),
        ("ReplaceNetworkAclEntry", {"networkAclId": "acl-01", "ruleAction": "deny"}, "network_acl"),
        ("ReplaceRoute", {"routeTableId": "rtb-01"}, "route"),
    ],
)
def test_a_call_that_can_block_packets_is_told_with_what_it_names(
    name: str, asked: dict[str, object], reason: str
) -> None:
    findings = one(name, asked)
    assert told(findings, "kind", "reason") == [("network_changed", reason)]
    assert "-01" in findings.events[0]["detail"]


def test_an_interface_changed_otherwise_than_in_its_groups_is_no_network_change() -> None:
    asked = {"networkInterfaceId": "eni-01", "sourceDestCheck": {"value": False}}
    assert one("ModifyNetworkInterfaceAttribute", asked).events == []


def test_a_changed_rule_is_told_with_its_balancer_and_a_deleted_group_by_its_column() -> None:
    rule = f"{SHOP.replace(':loadbalancer/', ':listener-rule/')}/f2f7dc8efc522ab2/9683b2d02a6cabee"
    (changed,) = one("ModifyRule", {"ruleArn": rule, "actions": [{"targetGroupArn": WEB}]}).events
    assert (changed["kind"], changed["reason"], changed["target_group_arn"]) == (
        "routing_changed",
        "ModifyRule",
        None,
    )
    assert SHOP.split(":loadbalancer/")[1] in changed["detail"]
    (deleted,) = one("DeleteTargetGroup", {"targetGroupArn": WEB}).events
    assert (deleted["kind"], deleted["target_group_arn"]) == ("routing_changed", WEB)


def test_failed_calls_and_foreign_ones_change_nothing_but_count_as_observed() -> None:
    failed = record(
        "TerminateInstances", {"instancesSet": {"items": [{"instanceId": NODE}]}}, errorCode="AccessDenied"
    )
    findings = parsed({"Records": [failed, record("DescribeInstances", eventTime="2026-03-02T12:00:00Z")]})
    assert (findings.events, findings.problems) == ([], [])
    assert (findings.coverage[0]["covered_from"], findings.coverage[0]["covered_to"]) == (
        at("11:04:31"),
        at("12:00:00"),
    )


def test_odd_records_are_problems_naming_them() -> None:
    findings = parsed(
        {"Records": [record("X", eventTime="soon"), None, {}, record("TerminateInstances", "text")]}
    )
    assert [problem.ref for problem in findings.problems] == [
        "dump.json Records[1]",
        "dump.json Records[1]",
        "dump.json Records[2]",
        "dump.json Records[3]",
    ]
    assert findings.events == []


def test_older_records_spell_their_parameters_differently() -> None:
    older = {**record("DetachInstances"), "RequestParameters": {"instanceIds": [NODE]}}
    assert told(parsed({"Records": [older]}), "instance_id") == [(NODE,)]


def test_a_bare_record_is_read_too() -> None:
    assert told(
        parsed({**record("StopInstances", {"i": NODE}), "eventSource": "ec2.amazonaws.com"}), "kind"
    ) == [("instance_stopped",)]


def bridge(kind: str, detail: dict[str, Any]) -> Findings:
    return parsed({"id": "b-1", "detail-type": kind, "time": "2026-03-02T11:04:31Z", "detail": detail})


@pytest.mark.parametrize(
    ("kind", "detail", "expected"),
    [
        ("EC2 Instance State-change Notification", {"state": "pending"}, [("instance_launched", None)]),
        (
            "EC2 Instance State-change Notification",
            {"state": "shutting-down"},
            [("instance_terminated", None)],
        ),
        ("EC2 Instance State-change Notification", {"state": "terminated"}, [("node_left", None)]),
        ("EC2 Instance State-change Notification", {"state": "stopping"}, [("instance_stopped", None)]),
        ("EC2 Instance State-change Notification", {"state": "running"}, []),
        (
            "EC2 Spot Instance Interruption Warning",
            {"instance-action": "terminate"},
            [("spot_interrupted", "spot")],
        ),
        ("EC2 Instance Rebalance Recommendation", {}, [("other", "rebalance")]),
        ("Scheduled Event", {}, []),
    ],
)
def test_bridge_events_of_instances(
    kind: str, detail: dict[str, str], expected: list[tuple[str, str | None]]
) -> None:
    findings = bridge(kind, {"instance-id": NODE, **detail})
    assert told(findings, "kind", "reason") == expected
    assert all(event["instance_id"] == NODE for event in findings.events)
    assert findings.coverage[0]["source"] == "eventbridge"


def test_a_bridged_activity_is_the_same_event_as_in_the_listing() -> None:
    activity = {
        "ActivityId": "a-1",
        "AutoScalingGroupName": "bulk-ingest",
        "Description": f"Terminating EC2 instance: {NODE}",
        "Cause": "",
        "StartTime": "2026-03-02T11:04:30.412Z",
        "EndTime": "2026-03-02T11:05:52Z",
        "StatusCode": "Successful",
    }
    listed = parsed({"Activities": [activity]})
    bridged = bridge("EC2 Instance Terminate Successful", {**activity, "EC2InstanceId": NODE})
    assert [e["event_id"] for e in bridged.events] == [e["event_id"] for e in listed.events]
    assert len(listed.events) == 2


def test_a_terminating_hook_means_graceful_and_a_bridged_call_is_a_record() -> None:
    hook = bridge(
        "EC2 Instance-terminate Lifecycle Action", {"EC2InstanceId": NODE, "AutoScalingGroupName": "web"}
    )
    call = bridge("AWS API Call via CloudTrail", record("StopInstances", {"i": NODE}))
    assert told(hook, "kind", "is_graceful", "asg_name") == [("termination_started", True, "web")]
    assert told(call, "kind", "source") == [("instance_stopped", "cloudtrail")]


def test_a_bridge_event_without_time_or_instance_is_a_problem() -> None:
    assert (
        parsed({"detail-type": "x", "detail": {}})
        .problems[0]
        .what.startswith("EventBridge event without time")
    )
    assert "names no instance" in bridge("EC2 Spot Instance Interruption Warning", {}).problems[0].what


def test_every_call_that_the_timeline_needs_is_understood_and_may_be_asked_for() -> None:
    needed = """
        RunInstances TerminateInstances StopInstances StartInstances BidEvictedEvent CreateFleet
        RegisterTargets DeregisterTargets ModifyLoadBalancerAttributes ModifyTargetGroupAttributes
        ModifyTargetGroup ModifyListener ModifyRule SetSecurityGroups
        TerminateInstanceInAutoScalingGroup SetDesiredCapacity UpdateAutoScalingGroup
        StartInstanceRefresh CompleteLifecycleAction DetachInstances AttachInstances EnterStandby
        SetInstanceHealth UpdateNodegroupVersion UpdateNodegroupConfig
        AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress AuthorizeSecurityGroupEgress
        RevokeSecurityGroupEgress CreateNetworkAclEntry DeleteNetworkAclEntry
        ReplaceNetworkAclEntry CreateRoute DeleteRoute ReplaceRoute
        CreateNetworkInterface AttachNetworkInterface DetachNetworkInterface DeleteNetworkInterface
        AssignPrivateIpAddresses UnassignPrivateIpAddresses
    """
    assert set(needed.split()) <= CALLS.keys()
    assert LOOKUP.allowed(1, 1) >= len(CALLS) + MOST_PASTS
    assert len(CALLS) / (LOOKUP.per_second or 0) < 40, "a day is asked for within a minute"
