"""EC2 dumps: addresses of instances and interfaces, ends, status, spot requests."""

from typing import Any

import pytest

from pipeline.timeline.base import Findings
from tests.support.timeline_dumps import READ_AT, at, parsed, recorded, told

ID = "i-0c2f6a11e3b5d7f92"
DEAD = "i-0b1e5f00d2a4c6e81"


def instance(**fields: object) -> Findings:
    return parsed({"Reservations": [{"Instances": [{"InstanceId": ID, **fields}]}]})


def interface(ip: str, attached_at: str, *others: str, **fields: object) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": "eni-0d01",
        "PrivateIpAddress": ip,
        "PrivateIpAddresses": [{"PrivateIpAddress": address} for address in (ip, *others)],
        "Attachment": {"InstanceId": ID, "AttachTime": attached_at, "DeviceIndex": 0},
        "VpcId": "vpc-0aa1",
        **fields,
    }


def test_the_recorded_instances_are_told_living_and_dead() -> None:
    findings = recorded("describe-instances-and-network-interfaces")
    rows = findings.events_frame().select(
        "kind", "occurred_at", "instance_id", "private_ip", "vpc_id", "node_group"
    )
    assert rows.rows() == [
        ("instance_launched", at("22:10:40", day=1), DEAD, None, None, None),
        ("instance_terminated", at("11:05:12"), DEAD, None, None, None),
        ("instance_launched", at("11:20:04"), ID, "10.0.3.44", "vpc-0aa1", "bulk-ingest"),
    ]
    assert findings.problems == []
    assert [(row["source"], row["covered_from"], row["covered_to"]) for row in findings.coverage] == [
        ("instances", READ_AT, READ_AT),
        ("network_interfaces", READ_AT, READ_AT),
    ]


def test_the_zone_of_an_instance_is_a_setting() -> None:
    rows = instance(Placement={"AvailabilityZone": "eu-west-1b"}).settings
    assert [(row["resource"], row["setting"], row["value"]) for row in rows] == [
        (f"instance/{ID}", "lifecycle", "on-demand"),
        (f"instance/{ID}", "availability_zone", "eu-west-1b"),
    ]


def test_instances_and_interfaces_tell_the_same_launch_once() -> None:
    findings = recorded("describe-instances-and-network-interfaces")
    launches = [event for event in findings.events if event.get("private_ip") == "10.0.3.44"]
    assert len(launches) == 2
    assert len({event["event_id"] for event in launches}) == 1


def test_every_address_of_every_interface_is_an_event() -> None:
    findings = instance(
        LaunchTime="2026-03-02T11:20:04Z",
        PrivateIpAddress="10.0.3.44",
        NetworkInterfaces=[
            interface("10.0.3.44", "2026-03-02T11:20:04Z", "10.0.3.45"),
            interface("10.0.9.1", "2026-03-02T11:30:00Z", Ipv6Addresses=[{"Ipv6Address": "2001:DB8:0::1"}]),
        ],
    )
    assert sorted(told(findings, "private_ip", "occurred_at", "detail")) == [
        ("10.0.3.44", at("11:20:04"), "on-demand primary address"),
        ("10.0.3.45", at("11:20:04"), "on-demand secondary address"),
        ("10.0.9.1", at("11:30:00"), "on-demand secondary address"),
        ("2001:db8::1", at("11:30:00"), "on-demand secondary address"),
    ]


def test_stop_and_start_move_the_launch_and_keep_the_address() -> None:
    findings = instance(
        LaunchTime="2026-03-02T11:20:04Z",
        PrivateIpAddress="10.0.3.44",
        NetworkInterfaces=[interface("10.0.3.44", "2026-02-01T08:00:00Z")],
    )
    assert told(findings, "occurred_at", "private_ip", "reason") == [
        (at("08:00:00").replace(month=2, day=1), "10.0.3.44", None),
        (at("11:20:04"), "10.0.3.44", "restarted"),
    ]


def test_an_address_used_again_by_another_instance_gives_two_events() -> None:
    first = instance(LaunchTime="2026-03-02T11:20:04Z", PrivateIpAddress="10.0.3.44")
    second = parsed(
        {
            "Reservations": [
                {
                    "Instances": [
                        {"InstanceId": DEAD, "LaunchTime": 1772450404, "PrivateIpAddress": "10.0.3.44"}
                    ]
                }
            ]
        }
    )
    assert first.events[0]["event_id"] != second.events[0]["event_id"]
    assert first.events[0]["occurred_at"] == second.events[0]["occurred_at"]


@pytest.mark.parametrize(
    ("tags", "group"),
    [
        ({}, None),
        ({"aws:autoscaling:groupName": "asg"}, "asg"),
        ({"aws:autoscaling:groupName": "asg", "eks:nodegroup-name": "ng"}, "ng"),
        ({"aws:autoscaling:groupName": "asg", "karpenter.sh/nodepool": "np"}, "np"),
        ({"Role": "bulk", "eks:nodegroup-name": "ng"}, "bulk"),
    ],
)
def test_the_node_group_is_the_best_name_in_the_tags(tags: dict[str, str], group: str | None) -> None:
    entries = [{"Key": key, "Value": value} for key, value in tags.items()]
    (event,) = instance(LaunchTime="2026-03-02T11:20:04Z", Tags=entries).events
    assert event["node_group"] == group
    assert event["asg_name"] == tags.get("aws:autoscaling:groupName")


@pytest.mark.parametrize(
    ("state", "transition", "code", "expected"),
    [
        (
            "terminated",
            "User initiated (2026-03-02 11:05:12 GMT)",
            "Client.UserInitiatedShutdown",
            ("instance_terminated", None),
        ),
        ("shutting-down", "User initiated (2026-03-02 11:05:12 UTC)", "", ("instance_terminated", None)),
        ("stopped", "User initiated (2026-03-02 11:05:12 GMT)", "", ("instance_stopped", None)),
        (
            "terminated",
            "Server.SpotInstanceTermination (2026-03-02 11:05:12 GMT)",
            "",
            ("instance_terminated", "spot"),
        ),
        (
            "terminated",
            "Client (2026-03-02 11:05:12 GMT)",
            "Client.InstanceInitiatedShutdown",
            ("instance_terminated", "other"),
        ),
    ],
)
def test_the_end_is_the_time_in_the_transition_reason(
    state: str, transition: str, code: str, expected: tuple[str, str | None]
) -> None:
    findings = instance(State={"Name": state}, StateTransitionReason=transition, StateReason={"Code": code})
    assert told(findings, "kind", "reason", "occurred_at") == [(*expected, at("11:05:12"))]


@pytest.mark.parametrize("transition", ["", "Server.SpotInstanceTermination", "Server.InternalError"])
def test_an_end_without_a_time_is_no_event_but_a_state(transition: str) -> None:
    findings = instance(State={"Name": "terminated"}, StateTransitionReason=transition)
    assert findings.events == []
    assert ("state", f"terminated {transition}".strip()) in [
        (row["setting"], row["value"]) for row in findings.settings
    ]


def test_an_end_with_an_impossible_time_is_a_problem() -> None:
    findings = instance(
        State={"Name": "terminated"}, StateTransitionReason="User initiated (2026-02-30 11:05:12 GMT)"
    )
    assert findings.events == []
    assert "no time: '2026-02-30 11:05:12 GMT'" in findings.problems[0].what


def test_prefixes_of_pods_are_settings_of_the_instance() -> None:
    eni = interface("10.0.3.44", "2026-03-02T11:20:04Z", Ipv4Prefixes=[{"Ipv4Prefix": "10.0.3.64/28"}])
    findings = parsed({"NetworkInterfaces": [eni]})
    assert [(row["resource"], row["setting"], row["value"]) for row in findings.settings] == [
        ("network-interface/eni-0d01", "attached_to", ID),
        (f"instance/{ID}", "ipv4_prefixes.eni-0d01", "10.0.3.64/28"),
    ]


def test_interfaces_of_load_balancers_hang_on_no_instance() -> None:
    own = {
        "PrivateIpAddress": "10.0.0.9",
        "Description": "ELB app/shop/50dc",
        "Attachment": {"AttachTime": "2026-03-02T11:20:04Z"},
    }
    findings = parsed({"NetworkInterfaces": [own]})
    assert (findings.events, findings.settings, findings.problems) == ([], [], [])


@pytest.mark.parametrize(
    ("described", "zones"),
    [("ELB app/shop/50dc", {"elb_node/10.0.0.9": "eu-west-1b"}), ("ELB net/shop/50dc", {}), ("", {})],
)
def test_a_load_balancers_interface_tells_the_zone_of_its_node(described: str, zones: dict[str, str]) -> None:
    own = {"PrivateIpAddress": "10.0.0.9", "Description": described, "AvailabilityZone": "eu-west-1b"}
    findings = parsed({"NetworkInterfaces": [own]})
    assert {row["resource"]: row["value"] for row in findings.settings} == zones
    assert {row["setting"] for row in findings.settings} <= {"availability_zone"}


def test_impairment_and_announced_maintenance_are_told() -> None:
    status = {
        "InstanceId": ID,
        "SystemStatus": {
            "Status": "impaired",
            "Details": [
                {"Name": "reachability", "Status": "failed", "ImpairedSince": "2026-03-02T11:00:00Z"}
            ],
        },
        "Events": [
            {"InstanceEventId": "ev-1", "Code": "instance-retirement", "NotBefore": "2026-03-09T00:00:00Z"},
            {
                "Code": "system-reboot",
                "Description": "[Canceled] reboot",
                "NotBefore": "2026-03-08T00:00:00Z",
            },
        ],
    }
    findings = parsed({"InstanceStatuses": [status]})
    assert told(findings, "kind", "occurred_at", "reason", "instance_id") == [
        ("instance_impaired", at("11:00:00"), "unhealthy", ID),
        ("other", at("00:00:00", day=9), "scheduled_event", ID),
    ]
    assert [row["setting"] for row in findings.settings] == ["SystemStatus"]


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("instance-terminated-no-capacity", 1),
        ("instance-terminated-by-price", 1),
        ("marked-for-termination", 1),
        ("instance-terminated-by-user", 0),
        ("fulfilled", 0),
    ],
)
def test_only_interrupting_spot_states_are_interruptions(code: str, count: int) -> None:
    request = {
        "SpotInstanceRequestId": "sir-1",
        "InstanceId": ID,
        "Status": {"Code": code, "UpdateTime": "2026-03-02T11:00:00Z"},
    }
    assert (
        told(parsed({"SpotInstanceRequests": [request]}), "kind", "reason")
        == [("spot_interrupted", "spot")] * count
    )


def test_entries_without_identity_are_problems_and_cost_themselves_only() -> None:
    findings = parsed(
        {
            "Reservations": [
                {"Instances": [{}]},
                "x",
                {"Instances": [{"InstanceId": ID, "LaunchTime": "2026-03-02T11:20:04Z"}]},
            ]
        }
    )
    assert [problem.ref for problem in findings.problems] == [
        "dump.json Reservations[1]",
        "dump.json Reservations[2]",
    ]
    assert len(findings.events) == 1
