"""Elastic Load Balancing dumps: settings by resource, defaults, and health without history."""

from typing import Any

import pytest

from pipeline.timeline.base import Findings
from pipeline.timeline.elbv2 import DEFAULT
from tests.support.timeline_dumps import READ_AT, SHOP, WEB, parsed, recorded

IDLE = {"Key": "idle_timeout.timeout_seconds", "Value": "75"}
DELAY = {"Key": "deregistration_delay.timeout_seconds", "Value": "30"}
CROSS_ZONE = {"Key": "load_balancing.cross_zone.enabled", "Value": "true"}


def values(findings: Findings, source: str = "elbv2") -> dict[tuple[str, str], str]:
    return {
        (row["resource"], row["setting"]): row["value"]
        for row in findings.settings
        if row["source"] == source
    }


def attributes(*entries: dict[str, Any], name: str = "dump", **wrapper: str) -> Findings:
    return parsed({**wrapper, "Attributes": list(entries)}, name)


def test_the_recorded_load_balancer_and_target_group_are_settings_of_their_arns() -> None:
    findings = recorded("elbv2-merged")
    found = values(findings)
    assert found[SHOP, "name"] == "shop"
    assert found[SHOP, "vpc_id"] == "vpc-0aa1"
    expected = {
        "name": "web-30080",
        "load_balancer_arn": SHOP,
        "target_type": "instance",
        "port": "30080",
        "protocol": "HTTP",
        "protocol_version": "HTTP1",
        "vpc_id": "vpc-0aa1",
        "health_check.interval_seconds": "15",
        "health_check.timeout_seconds": "5",
        "health_check.healthy_threshold": "2",
        "health_check.unhealthy_threshold": "2",
        "health_check.port": "traffic-port",
        "health_check.path": "/healthz",
        "health_check.matcher": "200",
        "health_check.enabled": "true",
    }
    assert {setting: found[WEB, setting] for setting in expected} == expected
    assert findings.problems == []
    assert {(row["source"], row["covered_from"], row["covered_to"]) for row in findings.coverage} == {
        (source, READ_AT, READ_AT) for source in ("load_balancers", "target_groups", "target_health")
    }


def test_health_has_no_times_so_it_is_a_setting_at_the_file_time_and_no_event() -> None:
    findings = recorded("elbv2-merged")
    (row,) = [row for row in findings.settings if row["setting"].startswith("target_health.")]
    assert row["setting"] == "target_health.i-0b1e5f00d2a4c6e81:30080"
    assert row["value"] == "draining (Target.DeregistrationInProgress)"
    assert (row["valid_from"], row["valid_to"]) == (READ_AT, READ_AT)
    assert findings.events == []


@pytest.mark.parametrize(
    ("entries", "name", "wrapper", "expected"),
    [
        ([IDLE], "describe-load-balancer-attributes.shop", {}, {("load-balancer/shop", IDLE["Key"]): "75"}),
        ([IDLE], "describe-load-balancer-attributes", {}, {("load-balancer/*", IDLE["Key"]): "75"}),
        ([IDLE], "2026-03-02", {"LoadBalancerArn": SHOP}, {(SHOP, IDLE["Key"]): "75"}),
        (
            [DELAY],
            "describe-target-group-attributes.web-30080",
            {},
            {("target-group/web-30080", DELAY["Key"]): "30"},
        ),
        ([DELAY], "any", {}, {("target-group/*", DELAY["Key"]): "30"}),
        ([DELAY], "any", {"TargetGroupArn": WEB}, {(WEB, DELAY["Key"]): "30"}),
        (
            [IDLE, DELAY],
            "any",
            {},
            {("load-balancer/*", IDLE["Key"]): "75", ("target-group/*", DELAY["Key"]): "30"},
        ),
    ],
    ids=[
        "balancer by name",
        "every balancer",
        "balancer by arn",
        "group by name",
        "every group",
        "group by arn",
        "both",
    ],
)
def test_attributes_belong_to_the_resource_that_keys_file_name_or_wrapper_tell(
    entries: list[dict[str, str]], name: str, wrapper: dict[str, str], expected: dict[tuple[str, str], str]
) -> None:
    assert values(attributes(*entries, name=name, **wrapper)) == expected


def test_the_key_that_both_kinds_share_goes_with_its_neighbours() -> None:
    with_balancer = values(attributes(IDLE, CROSS_ZONE))
    with_group = values(attributes(DELAY, CROSS_ZONE))
    assert ("load-balancer/*", CROSS_ZONE["Key"]) in with_balancer
    assert ("target-group/*", CROSS_ZONE["Key"]) in with_group


def test_missing_keys_have_the_documented_defaults_and_say_so() -> None:
    balancer = values(attributes({"Key": "waf.fail_open.enabled", "Value": "false"}), DEFAULT)
    group = values(attributes({"Key": "stickiness.enabled", "Value": "false"}), DEFAULT)
    assert balancer["load-balancer/*", "idle_timeout.timeout_seconds"] == "60"
    assert balancer["load-balancer/*", "client_keep_alive.seconds"] == "3600"
    assert group["target-group/*", "deregistration_delay.timeout_seconds"] == "300"
    assert not any(resource.startswith("target-group") for resource, _ in balancer)


def test_a_value_that_is_there_has_no_default_beside_it() -> None:
    findings = attributes(IDLE)
    assert ("load-balancer/*", "idle_timeout.timeout_seconds") not in values(findings, DEFAULT)


def test_health_is_of_the_target_group_in_the_file_name() -> None:
    entry = {"Target": {"Id": "10.0.2.77", "Port": 8080}, "TargetHealth": {"State": "healthy"}}
    findings = parsed({"TargetHealthDescriptions": [entry]}, "describe-target-health.web-30080")
    assert values(findings) == {("target-group/web-30080", "target_health.10.0.2.77:8080"): "healthy"}


def test_broken_entries_are_problems_naming_the_record() -> None:
    findings = parsed(
        {
            "LoadBalancers": [{"LoadBalancerName": "x"}],
            "TargetGroups": [7],
            "TargetHealthDescriptions": [{"Target": {}}],
            "Attributes": [{"Value": "x"}],
        }
    )
    assert [problem.ref for problem in findings.problems] == [
        "dump.json LoadBalancers[1]",
        "dump.json TargetGroups[1]",
        "dump.json TargetHealthDescriptions[1]",
        "dump.json Attributes[1]",
    ]
    assert [problem.what for problem in parsed({"TargetGroups": {}}).problems] == ["TargetGroups is no list"]
