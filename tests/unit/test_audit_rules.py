"""Every audit rule: a setting that breaks it, the nearest one that does not, and what it costs."""

import json
import re
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from pipeline.attribute import causes, findings
from pipeline.attribute.findings import Finding
from pipeline.engine.duckdb import Engine
from pipeline.report import audit
from tests.support import hostile
from tests.support.audit_tables import ADDRESS, GROUP, AuditTables
from tests.support.incident import FIRST

ROOT = Path(__file__).resolve().parents[2]
SARIF = Draft4Validator(
    json.loads((ROOT / "fixtures" / "sarif" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8")),
    format_checker=Draft4Validator.FORMAT_CHECKER,
)

Spoil = Callable[[AuditTables], None]


def found(tables: AuditTables) -> list[Finding]:
    with Engine() as engine:
        tables.attach(engine)
        return findings.find(engine)


def long_requests(seconds: float) -> Spoil:
    def spoil(tables: AuditTables) -> None:
        tables.answers_s = [0.1] * 1990 + [seconds] * 10
        tables.group["deregistration_delay_s"] = 30.0

    return spoil


def leaving_nodes(count: int, *, graceful: bool) -> Spoil:
    def spoil(tables: AuditTables) -> None:
        for number in range(4):
            tables.node(number, left=number < count, graceful=graceful)
            tables.set(f"node/node-{number}", "exclude_from_load_balancers", "false")

    return spoil


def excluded(tables: AuditTables) -> None:
    leaving_nodes(3, graceful=True)(tables)
    for row in tables.settings:
        row["value"] = "true"


def health_check_port(port: str) -> Spoil:
    return lambda tables: tables.scoped.update({"health_check.port": port, "port": "30080"})


def health_check_every(seconds: float) -> Spoil:
    return lambda tables: tables.group.update(health_check_interval_s=seconds)


def kube_proxy(version: str) -> Spoil:
    return lambda tables: tables.set("node/a", "kube_proxy_version", version)


def target_type(kind: str, *, policy: str = "Cluster") -> Spoil:
    def spoil(tables: AuditTables) -> None:
        tables.group["target_type"] = kind
        tables.service_ports.append({"service": "shop/web", "node_port": 30080})
        tables.set("service/shop/web", "external_traffic_policy", policy)

    return spoil


def fail_open(threshold: str, *, cause: str = "overload") -> Spoil:
    def spoil(tables: AuditTables) -> None:
        name = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"
        tables.scoped[name] = threshold
        tables.verdict(cause)

    return spoil


def slow_start(seconds: str) -> Spoil:
    def spoil(tables: AuditTables) -> None:
        tables.scoped["slow_start.duration_seconds"] = seconds
        tables.verdict("new_node")

    return spoil


def grace(seconds: str, kind: str = "ip") -> Spoil:
    def spoil(tables: AuditTables) -> None:
        tables.group["target_type"] = kind
        pod = {
            "lifetime_id": "pod",
            "kind": "pod",
            "private_ip": ADDRESS,
            "pod_uid": "u",
            "service": "shop/web",
        }
        tables.lifetimes.append(pod)
        tables.set("pod/u", "termination_grace_period_s", seconds)

    return spoil


def keepalive(timeout_s: float, verdict: str = "estimated") -> Spoil:
    def spoil(tables: AuditTables) -> None:
        counts = dict.fromkeys(("closes", "errors", "errors_at_timeout", "exposure"), 7)
        row = {"target_group_arn": GROUP, "timeout_s": timeout_s, "verdict": verdict, "idle_timeout_s": 60.0}
        row |= {"low": timeout_s - 0.1, "high": timeout_s + 0.1, "is_race_possible": timeout_s <= 60.0}
        tables.keepalive.append({**row, **counts})

    return spoil


def declares(
    seconds: str, option: str = "--timeout-keep-alive", uid: str = "u", joined_at: datetime = FIRST
) -> Spoil:
    """A pod with a declared keep-alive, behind a load balancer that keeps connections for a minute."""

    def spoil(tables: AuditTables) -> None:
        tables.group["target_type"] = "ip"
        tables.of_balancer["idle_timeout.timeout_seconds"] = "60"
        pod = {"lifetime_id": uid, "kind": "pod", "private_ip": ADDRESS, "pod_uid": uid}
        tables.lifetimes.append({**pod, "joined_at": joined_at})
        tables.set(f"pod/{uid}", "keep_alive_timeout_s", seconds)
        tables.set(f"pod/{uid}", "keep_alive_option", option)

    return spoil


def of_keepalive(*spoils: Spoil) -> Finding | None:
    """The finding about keep-alive that some settings make together."""
    tables = AuditTables()
    for spoil in spoils:
        spoil(tables)
    return next((one for one in found(tables) if one.rule.id == "keepalive_below_idle_timeout"), None)


def pre_stop(sleep_s: str) -> Spoil:
    def spoil(tables: AuditTables) -> None:
        grace("330")(tables)
        tables.set("pod/u", "pre_stop_sleep_s", sleep_s)
        tables.set("pod/u", "readiness_detection_s", "30")

    return spoil


CASES: dict[str, tuple[Spoil, Spoil]] = {
    "deregistration_delay_cuts_requests": (long_requests(40.0), long_requests(20.0)),
    "keepalive_below_idle_timeout": (keepalive(6.0), keepalive(75.0)),
    "drain_ends_before_readiness": (pre_stop("15"), pre_stop("35")),
    "nodes_leave_without_hook": (leaving_nodes(1, graceful=False), leaving_nodes(3, graceful=True)),
    "bulk_nodes_behind_balancer": (leaving_nodes(3, graceful=True), excluded),
    "health_check_misses_forwarding": (health_check_port("10256"), health_check_port("30080")),
    "health_check_is_slow": (health_check_every(30.0), health_check_every(15.0)),
    "kube_proxy_resets_connections": (kube_proxy("v1.14.9-eks-502bfb"), kube_proxy("v1.15.0")),
    "external_traffic_crosses_nodes": (target_type("instance"), target_type("instance", policy="Local")),
    "few_healthy_targets_open_all": (fail_open("off"), fail_open("off", cause="target_crash")),
    "new_targets_get_full_load": (slow_start("0"), slow_start("60")),
    "grace_period_ends_before_drain": (grace("30"), grace("330")),
}


def test_every_rule_has_a_case_and_no_case_lacks_its_rule() -> None:
    assert {rule.id for rule in findings.rules()} == set(CASES)


@pytest.mark.parametrize("rule", sorted(CASES))
def test_the_setting_that_makes_errors_is_found_and_its_neighbour_is_not(rule: str) -> None:
    spoilt, healthy = CASES[rule]
    for spoil, expected in ((spoilt, True), (healthy, False)):
        tables = AuditTables()
        spoil(tables)
        assert (rule in {one.rule.id for one in found(tables)}) is expected


@pytest.mark.parametrize("rule", findings.rules(), ids=lambda rule: rule.id)
def test_rules_name_causes_and_can_be_filled_in(rule: findings.Rule) -> None:
    one = Finding(rule, GROUP, "1", "2", "e", 0, 0.0)
    assert one.name == "web-30080"
    for text in (one.change, *one.snippets.values()):
        assert text
        assert "{name}" not in text
    known = {cause.id for cause in causes.load()} | {"spot_interruption", "overload"}
    assert set(rule.causes) <= known
    assert rule.doc


def test_a_keep_alive_timeout_that_cannot_be_told_is_no_finding() -> None:
    tables = AuditTables()
    keepalive(6.0, verdict="cannot_tell")(tables)
    assert "keepalive_below_idle_timeout" not in {one.rule.id for one in found(tables)}


def test_the_keep_alive_to_set_outlasts_the_load_balancer() -> None:
    tables = AuditTables()
    keepalive(6.0)(tables)
    one = next(one for one in found(tables) if one.rule.id == "keepalive_below_idle_timeout")
    assert (one.current, one.wanted) == ("6", "65")
    assert "--timeout-keep-alive 65" in one.snippets["cli"]
    assert "close after 6 s (5.9 to 6.1, from 7 errors); the load balancer keeps connections for 60 s" in (
        one.evidence
    )


def test_a_declared_keep_alive_is_told_as_declared_where_the_log_cannot_tell() -> None:
    for estimate in ((), (keepalive(6.0, verdict="cannot_tell"),)):
        one = of_keepalive(declares("5"), *estimate)
        assert one is not None
        assert (one.current, one.wanted) == ("5", "65")
        assert one.evidence == (
            "the newest pods declare that they close after 5 s (--timeout-keep-alive), "
            "which the log cannot tell; the load balancer keeps connections for 60 s"
        )


def test_beside_an_inferred_keep_alive_the_declared_one_agrees_or_not() -> None:
    same, other, alone = (
        of_keepalive(keepalive(6.0), *more) for more in ((declares("5"),), (declares("75"),), ())
    )
    assert same is not None
    assert other is not None
    assert alone is not None
    assert "declare" not in alone.evidence
    assert same.evidence == alone.evidence + "; the pods declare 5 s (--timeout-keep-alive)"
    assert other.evidence == (
        alone.evidence + "; the pods declare 75 s (--timeout-keep-alive), which is not what the log shows"
    )
    assert same.current == other.current == "6"


def without(**columns: object) -> Spoil:
    return lambda tables: tables.group.update(columns)


@pytest.mark.parametrize(
    "spoils",
    [
        (declares("75"),),
        (declares("61"),),
        (declares("soon"),),
        (declares("5"), keepalive(75.0)),
        (declares("5"), without(target_type="instance")),
        (declares("5"), without(protocol_version="GRPC")),
        (declares("5"), without(requests=20_001)),
        (declares("5"), lambda tables: tables.of_balancer.clear()),
        (declares("5", joined_at=FIRST + timedelta(days=1)),),
        (declares("5", "--keep-alive"),),
        (declares("5", uid="old"), declares("75", uid="new", joined_at=FIRST + timedelta(minutes=2))),
    ],
)
def test_a_declared_keep_alive_that_proves_nothing_is_no_finding(spoils: tuple[Spoil, ...]) -> None:
    assert of_keepalive(*spoils) is None


@pytest.mark.parametrize(
    "spoils",
    [
        (declares("60"),),
        (declares("5"), without(requests=20_000)),
        (declares("5", "--keep-alive"), keepalive(6.0, verdict="cannot_tell")),
        (declares("75", uid="old"), declares("5", uid="new", joined_at=FIRST + timedelta(minutes=2))),
    ],
)
def test_its_nearest_neighbours_are(spoils: tuple[Spoil, ...]) -> None:
    assert of_keepalive(*spoils) is not None


def test_a_finding_counts_the_errors_of_its_own_group_and_causes_only() -> None:
    tables = AuditTables()
    health_check_every(30.0)(tables)
    tables.verdict("target_crash")
    tables.verdict("target_crash", target_group_arn="another")
    tables.verdict("keepalive_race")
    one = next(one for one in found(tables) if one.rule.id == "health_check_is_slow")
    assert one.errors == 1
    assert one.expected_errors == pytest.approx(0.9)


def test_a_finding_about_nodes_counts_the_errors_of_their_events() -> None:
    tables = AuditTables()
    leaving_nodes(2, graceful=False)(tables)
    tables.verdict("scale_in", event_id="event 0")
    tables.verdict("scale_in", event_id="of another group")
    one = next(one for one in found(tables) if one.rule.id == "nodes_leave_without_hook")
    assert one.errors == 1
    assert "2 of 2 nodes left without draining" in one.evidence


def test_groups_of_one_name_in_two_regions_are_judged_by_their_own_hooks() -> None:
    tables = AuditTables()
    leaving_nodes(3, graceful=False)(tables)
    arn = "arn:aws:autoscaling:{}:111122223333:autoScalingGroup:0c9e:autoScalingGroupName/bulk"
    for number, region in enumerate(("eu-west-1", "us-east-1")):
        tables.set(arn.format(region), "lifecycle_hooks.terminating", ("none", "drain")[number])
        tables.set(f"instance/i-{number}", "asg_arn", arn.format(region))
        tables.lifetimes[number]["instance_id"] = f"i-{number}"
    told = {
        one.resource: one.evidence.partition("; ")[2]
        for one in found(tables)
        if one.rule.id == "nodes_leave_without_hook"
    }
    assert told == {
        arn.format("eu-west-1"): "the group has no termination hook",
        arn.format("us-east-1"): "its hook drain did not drain them",
        "auto-scaling-group/bulk": "whether the group has a termination hook was not collected",
    }


def test_names_out_of_a_log_cannot_break_out_of_a_command() -> None:
    rule = next(rule for rule in findings.rules() if rule.id == "health_check_misses_forwarding")
    resource = "x; touch /tmp/owned #" + hostile.EVERYTHING
    command = Finding(rule, resource, "1", "2", "e", 0, 0.0).snippets["cli"]
    assert resource in shlex.split(command)


def test_sarif_lists_all_rules_and_places_every_result() -> None:
    tables = AuditTables()
    kube_proxy("v1.14.9")(tables)
    log = json.loads(audit.as_sarif(found(tables), findings.rules()))
    run = log["runs"][0]
    assert log["version"] == "2.1.0"
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == set(CASES)
    assert [result["ruleId"] for result in run["results"]] == [
        "kube_proxy_resets_connections",
        "external_traffic_crosses_nodes",
    ]
    for result in run["results"]:
        assert result["level"] in {"error", "warning", "note"}
        assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]


def sarif(results: list[Finding]) -> dict[str, Any]:
    """A log of findings, after OASIS' own schema took it."""
    log: dict[str, Any] = json.loads(audit.as_sarif(results, findings.rules()))
    SARIF.validate(log)
    return log


def test_sarif_of_every_rule_hit_at_once_obeys_its_schema() -> None:
    results: list[Finding] = []
    for rule, (spoil, _) in CASES.items():
        tables = AuditTables()
        spoil(tables)
        results += [one for one in found(tables) if one.rule.id == rule]
    assert {one["ruleId"] for one in sarif(results)["runs"][0]["results"]} == set(CASES)


def test_sarif_without_findings_obeys_its_schema() -> None:
    assert sarif([])["runs"][0]["results"] == []


def test_sarif_of_hostile_names_obeys_its_schema_and_gives_viewers_no_link_and_no_placeholder() -> None:
    rule = findings.rules()[0]
    hostile_text = f"{hostile.EVERYTHING} {{0}} [click](http://198.51.100.7)"
    (result,) = sarif([Finding(rule, hostile_text, "1", "2", hostile_text, 0, 0.0)])["runs"][0]["results"]
    shown = result["message"]["text"].replace("{{", "").replace("}}", "")
    assert not re.search(r"[{}]|\]\(", shown)


def test_the_schema_refuses_what_is_no_sarif() -> None:
    log = sarif([])
    log["runs"][0]["tool"]["driver"]["rules"][0]["defaultConfiguration"]["level"] = "fatal"
    assert [error.message for error in SARIF.iter_errors(log)] == [
        "'fatal' is not one of ['none', 'note', 'warning', 'error']"
    ]


def test_sarif_names_the_schema_that_it_obeys() -> None:
    assert sarif([])["$schema"] == SARIF.schema["id"]


def test_json_holds_the_change_for_every_tool() -> None:
    tables = AuditTables()
    kube_proxy("v1.14.9")(tables)
    document = json.loads(audit.as_json(found(tables)))
    assert document["schema"] == audit.JSON_SCHEMA
    assert set(document["findings"][0]["snippets"]) == {"cli", "terraform", "kubectl"}
