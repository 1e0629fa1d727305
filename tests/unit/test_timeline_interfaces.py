"""Who held an address: calls on interfaces, what EC2 shows, and the node of a pod that nobody names."""

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.timeline.folder import read_timeline
from pipeline.timeline.lifetimes import reconcile
from pipeline.timeline.lifetimes_interfaces import holdings
from pipeline.timeline.lifetimes_logs import SIGHTINGS
from tests.support.timeline_dumps import FIXTURES, WEB, at, parsed, write

A, B = "i-0a000000000000001", "i-0b000000000000002"
ENI, OTHER = "eni-0c000000000000003", "eni-0d000000000000004"
ATTACHED = "eni-attach-0e000000000000005"


def call(clock: str, name: str, asked: object, answered: object = None) -> dict[str, Any]:
    return {
        "eventID": f"{name} {clock} {json.dumps(asked)}",
        "eventName": name,
        "eventTime": f"2026-03-02T{clock}Z",
        "requestParameters": asked,
        "responseElements": answered,
    }


def created(clock: str, interface_id: str, address: str) -> dict[str, Any]:
    interface = {
        "networkInterfaceId": interface_id,
        "privateIpAddress": address,
        "privateIpAddressesSet": {"item": [{"privateIpAddress": address, "primary": True}]},
    }
    asked = {"subnetId": "subnet-0a11", "groupSet": {}, "privateIpAddressesSet": {}}
    return call(clock, "CreateNetworkInterface", asked, {"networkInterface": interface})


def attach(clock: str, interface_id: str, instance_id: str, attachment: str = ATTACHED) -> dict[str, Any]:
    asked = {"networkInterfaceId": interface_id, "instanceId": instance_id, "deviceIndex": 1}
    return call(clock, "AttachNetworkInterface", asked, {"attachmentId": attachment})


def detach(clock: str, attachment: str = ATTACHED) -> dict[str, Any]:
    return call(
        clock, "DetachNetworkInterface", {"attachmentId": attachment, "force": True}, {"_return": True}
    )


def assign(clock: str, interface_id: str, *addresses: str) -> dict[str, Any]:
    asked = {"networkInterfaceId": interface_id, "secondaryPrivateIpAddressCount": len(addresses)}
    items = [{"privateIpAddress": one} for one in addresses]
    answered = {"networkInterfaceId": interface_id, "assignedPrivateIpAddressesSet": {"items": items}}
    return call(clock, "AssignPrivateIpAddresses", asked, answered)


def delegate(clock: str, interface_id: str, prefix: str) -> dict[str, Any]:
    answered = {"networkInterfaceId": interface_id, "assignedIpv4PrefixSet": {"item": {"ipv4Prefix": prefix}}}
    return call(clock, "AssignPrivateIpAddresses", {"networkInterfaceId": interface_id}, answered)


def unassign(clock: str, interface_id: str, *addresses: str) -> dict[str, Any]:
    items = [{"privateIpAddress": one} for one in addresses]
    asked = {"networkInterfaceId": interface_id, "privateIpAddressesSet": {"item": items}}
    return call(clock, "UnassignPrivateIpAddresses", asked, {"_return": True})


def launched(clock: str, instance_id: str, address: str, interface_id: str) -> dict[str, Any]:
    interface = {"networkInterfaceId": interface_id, "privateIpAddress": address}
    item = {"instanceId": instance_id, "vpcId": "vpc-1", "networkInterfaceSet": {"items": [interface]}}
    return call(clock, "RunInstances", {}, {"instancesSet": {"items": [item]}})


def spans(folder: Path, *records: dict[str, Any]) -> list[tuple[Any, ...]]:
    write(folder, "trail.json", {"Records": list(records)})
    timeline = read_timeline(folder)
    assert timeline.problems == []
    return sorted(holdings(timeline.events, timeline.settings).rows(), key=str)


def test_the_recorded_calls_tell_who_held_which_prefix(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "cloudtrail-interfaces.json", tmp_path)
    timeline = read_timeline(tmp_path)
    node = "i-0c2f6a11e3b5d7f92"
    assert (timeline.problems, timeline.events.height) == ([], 0)
    assert sorted(holdings(timeline.events, timeline.settings).rows()) == [
        (node, "10.0.3.112/28", at("11:40:10"), at("12:31:00")),
        (node, "10.0.3.60", at("11:21:31"), at("12:31:00")),
        (node, "10.0.3.96/28", at("11:21:31"), at("12:10:05")),
    ]


def test_an_interface_holds_its_addresses_for_whom_it_hangs_on(tmp_path: Path) -> None:
    told = spans(
        tmp_path,
        created("09:00:00", ENI, "10.0.1.5"),
        attach("09:01:00", ENI, A),
        assign("09:02:00", ENI, "10.0.1.6", "10.0.1.7"),
        unassign("09:30:00", ENI, "10.0.1.6"),
        detach("10:00:00"),
    )
    assert told == [
        (A, "10.0.1.5", at("09:01:00"), at("10:00:00")),
        (A, "10.0.1.6", at("09:02:00"), at("09:30:00")),
        (A, "10.0.1.7", at("09:02:00"), at("10:00:00")),
    ]


def test_an_interface_that_moves_takes_its_addresses_along(tmp_path: Path) -> None:
    told = spans(
        tmp_path,
        created("09:00:00", ENI, "10.0.1.5"),
        attach("09:01:00", ENI, A),
        detach("10:00:00"),
        attach("10:05:00", ENI, B, "eni-attach-0f000000000000006"),
        call("11:00:00", "DeleteNetworkInterface", {"networkInterfaceId": ENI}),
    )
    assert told == [
        (A, "10.0.1.5", at("09:01:00"), at("10:00:00")),
        (B, "10.0.1.5", at("10:05:00"), at("11:00:00")),
    ]


def test_the_interface_of_a_launch_gets_prefixes_later(tmp_path: Path) -> None:
    told = spans(
        tmp_path, launched("09:00:00", A, "10.0.1.5", ENI), delegate("09:02:00", ENI, "10.0.9.16/28")
    )
    assert told == [
        (A, "10.0.1.5", at("09:00:00"), None),
        (A, "10.0.9.16/28", at("09:02:00"), None),
    ]


def test_ipv6_addresses_are_held_too(tmp_path: Path) -> None:
    asked = {"AssignIpv6AddressesRequest": {"NetworkInterfaceId": ENI, "Ipv6AddressCount": 1}}
    answered = {"AssignIpv6AddressesResponse": {"assignedIpv6Addresses": {"item": "2001:DB8:0::7"}}}
    told = spans(
        tmp_path, attach("09:01:00", ENI, A), call("09:02:00", "AssignIpv6Addresses", asked, answered)
    )
    assert told == [(A, "2001:db8::7", at("09:02:00"), None)]


def shown(instance_id: str, interface_id: str, *, prefixes: tuple[str, ...], since: str) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": interface_id,
        "VpcId": "vpc-1",
        "PrivateIpAddress": "10.0.1.5",
        "Ipv4Prefixes": [{"Ipv4Prefix": one} for one in prefixes],
        "Attachment": {
            "InstanceId": instance_id,
            "AttachTime": f"2026-03-02T{since}+00:00",
            "DeviceIndex": 0,
        },
    }


def test_what_ec2_shows_gets_the_instant_that_the_trail_tells(tmp_path: Path) -> None:
    both = shown(A, ENI, prefixes=("10.0.9.16/28", "10.0.9.32/28"), since="08:00:00")
    write(tmp_path, "interfaces.json", {"NetworkInterfaces": [both]})
    told = spans(tmp_path, delegate("09:02:00", ENI, "10.0.9.16/28"))
    assert told == [
        (A, "10.0.1.5", at("08:00:00"), None),
        (A, "10.0.9.16/28", at("09:02:00"), None),
        (A, "10.0.9.32/28", None, None),
    ]


def pod_target(clock: str, address: str) -> dict[str, Any]:
    return call(clock, "RegisterTargets", {"targetGroupArn": WEB, "targets": [{"id": address, "port": 8080}]})


def ip_group() -> dict[str, Any]:
    return {"TargetGroupArn": WEB, "TargetGroupName": "web", "TargetType": "ip", "VpcId": "vpc-1"}


def pods(folder: Path, *records: dict[str, Any], seen: tuple[tuple[str, datetime], ...] = ()) -> pl.DataFrame:
    write(folder, "trail.json", {"Records": list(records)})
    write(folder, "groups.json", {"TargetGroups": [ip_group()]})
    timeline = read_timeline(folder)
    rows = [
        {"target_group_arn": WEB, "target_ip": ip, "target_port": 8080, "requests": 100}
        | {"first_seen_at": first, "last_seen_at": first.replace(minute=50)}
        for ip, first in seen
    ]
    lives = reconcile(timeline.events, timeline.settings, pl.DataFrame(rows, schema=SIGHTINGS))
    return lives.filter(kind="pod").select("private_ip", "instance_id", "left_reason", "left_at")


def test_a_pod_that_nobody_names_is_on_the_instance_whose_prefix_holds_its_address(tmp_path: Path) -> None:
    kill = call("10:30:00", "TerminateInstances", {"instancesSet": {"items": [{"instanceId": A}]}})
    told = pods(
        tmp_path,
        launched("08:00:00", A, "10.0.1.5", ENI),
        launched("08:00:00", B, "10.0.1.6", OTHER),
        delegate("08:01:00", ENI, "10.0.9.16/28"),
        delegate("08:01:00", OTHER, "10.0.9.32/28"),
        pod_target("09:00:00", "10.0.9.20"),
        pod_target("09:00:00", "10.0.9.40"),
        pod_target("09:00:00", "10.0.9.60"),
        kill,
    )
    assert told.rows() == [
        ("10.0.9.20", A, "node_lost", at("10:30:00")),
        ("10.0.9.40", B, None, None),
        ("10.0.9.60", None, None, None),
    ]


def test_an_address_reused_within_minutes_is_on_the_node_that_has_it_then(tmp_path: Path) -> None:
    records = (
        launched("08:00:00", A, "10.0.1.5", ENI),
        launched("08:00:00", B, "10.0.1.6", OTHER),
        assign("08:10:00", ENI, "10.0.1.77"),
        unassign("09:20:00", ENI, "10.0.1.77"),
        assign("09:22:00", OTHER, "10.0.1.77"),
    )
    for clock, instance_id in (("09:15:00", A), ("09:23:00", B)):
        folder = tmp_path / instance_id
        assert pods(folder, *records, pod_target(clock, "10.0.1.77"))["instance_id"].to_list() == [
            instance_id
        ]


def test_a_pod_of_which_only_the_log_tells_is_placed_too(tmp_path: Path) -> None:
    told = pods(
        tmp_path,
        launched("08:00:00", A, "10.0.1.5", ENI),
        delegate("08:01:00", ENI, "10.0.9.16/28"),
        seen=(("10.0.9.17", at("09:00:00")), ("10.0.8.1", at("09:00:00"))),
    )
    assert told.select("private_ip", "instance_id").rows() == [("10.0.8.1", None), ("10.0.9.17", A)]


def test_of_two_nodes_that_show_an_address_and_never_when_none_is_taken(tmp_path: Path) -> None:
    for number, (instance_id, interface_id) in enumerate(((A, ENI), (B, OTHER))):
        one = shown(instance_id, interface_id, prefixes=("10.0.9.16/28",), since="08:00:00")
        write(
            tmp_path,
            f"{number}.json",
            {"NetworkInterfaces": [{**one, "PrivateIpAddress": f"10.0.1.{number}"}]},
        )
    assert pods(tmp_path, pod_target("09:00:00", "10.0.9.20"))["instance_id"].to_list() == [None]


@pytest.mark.parametrize(
    ("name", "asked", "what"),
    [
        ("CreateNetworkInterface", {}, "created interface without networkInterfaceId"),
        ("AttachNetworkInterface", {"networkInterfaceId": ENI}, "without networkInterfaceId or instanceId"),
        ("DetachNetworkInterface", {}, "detached interface without attachmentId"),
        ("DeleteNetworkInterface", {}, "deleted interface without networkInterfaceId"),
        ("AssignPrivateIpAddresses", {"networkInterfaceId": ENI}, "names no interface, or no address"),
        ("UnassignPrivateIpAddresses", {"privateIpAddressesSet": "10.0.0.1"}, "names no interface"),
    ],
)
def test_a_call_that_lacks_what_it_is_about_is_a_problem_naming_its_record(
    name: str, asked: dict[str, str], what: str
) -> None:
    findings = parsed({"Records": [call("09:00:00", name, asked)]})
    assert (findings.settings, findings.events) == ([], [])
    (problem,) = findings.problems
    assert problem.ref == "dump.json Records[1]"
    assert what in problem.what
