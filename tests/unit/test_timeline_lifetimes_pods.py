"""Lives of pods, and the service and node they belong to."""

import json

import pytest

from pipeline.model import EVENTS, SETTINGS
from pipeline.timeline.base import frame
from pipeline.timeline.lifetimes_services import resolve_services
from tests.support.kubernetes_dumps import from_fixture
from tests.support.lifetime_rows import Row, event, lifetimes, only, setting, since_noon

NODE = "ip-10-0-2-14.eu-west-1.compute.internal"
INSTANCE = "i-0aaaaaaaaaaaaaaaa"
TG = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1"


def pod(
    kind: str, at: float, uid: str | None = "u-1", uncertainty_s: float = 1.0, /, **columns: object
) -> Row:
    who = {"pod_name": "shop/web-7c9f-xk2lp", "pod_uid": uid, "pod_ip": "10.0.2.77", "node_name": NODE}
    return event(kind, at, "kubernetes", uncertainty_s, **{**who, **columns})


def node_life(end: float | None = None) -> list[Row]:
    who = {"instance_id": INSTANCE, "node_name": NODE, "private_ip": "10.0.2.14", "node_group": "bulk"}
    rows = [event("node_joined", -10_000, "kubernetes", **who)]
    return rows if end is None else [*rows, event("instance_terminated", end, instance_id=INSTANCE)]


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
def test_of_two_records_of_one_instant_the_surest_counts(ids: tuple[str, str]) -> None:
    told = [pod("pod_scheduled", 0, "u-1", uncertainty_s) for uncertainty_s in (2.0, 1.0)]
    rows = lifetimes([{**one, "event_id": own} for one, own in zip(told, ids, strict=True)])
    assert only(rows, kind="pod")["joined_uncertainty_s"] == 1.0


def test_a_pod_lives_from_its_placement_to_its_exit_on_its_node() -> None:
    rows = lifetimes(
        [
            *node_life(),
            pod("pod_scheduled", 0),
            pod("pod_became_ready", 12),
            pod("container_crashed", 500, reason="OOMKilled"),
            pod("container_restarted", 504),
            pod("pod_deletion_requested", 1000, reason="deleted"),
            pod("pod_exited", 1031, reason="deleted"),
        ]
    )
    row = only(rows, kind="pod")
    ends = [row[name] for name in ("joined_at", "ready_at", "drain_started_at", "left_at")]
    assert [since_noon(end) for end in ends] == [0, 12, 1000, 1031]
    assert (row["left_reason"], row["is_graceful"], row["left_known_by"]) == ("deleted", True, "kubernetes")
    assert (row["instance_id"], row["node_group"], row["node_name"]) == (INSTANCE, "bulk", NODE)


def test_only_the_delete_request_known_puts_the_exit_within_the_grace_period() -> None:
    grace = setting("pod/u-1", "termination_grace_period_s", "60")
    row = only(
        lifetimes([pod("pod_scheduled", 0), pod("pod_deletion_requested", 1000, reason="evicted")], [grace])
    )
    assert (since_noon(row["left_at"]), row["left_uncertainty_s"], row["left_reason"]) == (
        1030,
        30.0,
        "evicted",
    )
    assert row["is_graceful"] is None


def test_the_exit_of_the_container_is_believed_before_the_removal_of_the_object() -> None:
    rows = [
        pod("pod_scheduled", 0),
        pod("pod_exited", 1031, reason="deleted"),
        pod("pod_exited", 1040, "u-1", 5.0),
    ]
    assert since_noon(only(lifetimes(rows))["left_at"]) == 1031


def test_a_pod_whose_node_was_killed_is_lost_with_it() -> None:
    row = only(lifetimes([*node_life(600), pod("pod_scheduled", 0)]), kind="pod")
    assert (since_noon(row["left_at"]), row["left_reason"], row["left_known_by"]) == (
        600,
        "node_lost",
        "cloudtrail",
    )
    assert row["is_graceful"] is False


def test_the_late_removal_of_a_lost_pod_does_not_prolong_it() -> None:
    late = pod("pod_exited", 1000, "u-1", 5.0, reason="deleted")
    row = only(lifetimes([*node_life(600), pod("pod_scheduled", 0), late]), kind="pod")
    assert (since_noon(row["left_at"]), row["left_reason"]) == (600, "node_lost")


def test_a_pod_address_used_again_within_seconds_makes_disjoint_lives() -> None:
    rows = lifetimes(
        [
            pod("pod_scheduled", 0),
            pod("pod_scheduled", 700, "u-2", pod_name="shop/web-7c9f-bbbbb"),
            pod("pod_exited", 720, "u-1", 5.0),
        ]
    )
    assert since_noon(only(rows, pod_uid="u-1")["left_at"]) == 700
    assert only(rows, pod_uid="u-2")["left_at"] is None


def test_pods_of_the_host_network_share_the_address_of_their_node() -> None:
    host = {"pod_ip": "10.0.2.14"}
    rows = lifetimes(
        [
            *node_life(),
            pod("pod_scheduled", 0, **host),
            pod("pod_scheduled", 10, "u-2", pod_name="kube-system/proxy-bbbbb", **host),
        ]
    )
    assert rows.filter(kind="pod")["left_at"].to_list() == [None, None]


def test_an_event_without_uid_finds_the_pod_that_had_the_name_then() -> None:
    named = {"pod_name": "shop/db-0"}
    rows = lifetimes(
        [
            pod("pod_scheduled", 0, "u-1", **named),
            pod("pod_scheduled", 2000, "u-2", **{**named, "pod_ip": "10.0.2.78"}),
            pod("pod_deletion_requested", 1000, None, **{**named, "reason": "deleted"}),
        ]
    )
    assert since_noon(only(rows, pod_uid="u-1")["drain_started_at"]) == 1000
    assert only(rows, pod_uid="u-2")["drain_started_at"] is None


def test_a_registered_address_of_a_pod_makes_it_ready_and_its_deregistration_drains_it() -> None:
    rows = lifetimes(
        [
            pod("pod_scheduled", 0),
            event("target_registered", 20, private_ip="10.0.2.77", target_group_arn=TG),
            event("target_deregistered", 900, private_ip="10.0.2.77", target_group_arn=TG),
            pod("pod_deletion_requested", 901, reason="deleted"),
        ]
    )
    row = only(rows)
    assert (since_noon(row["ready_at"]), since_noon(row["drain_started_at"]), row["drain_known_by"]) == (
        20,
        900,
        "cloudtrail",
    )


@pytest.mark.parametrize(("target_type", "kind"), [("ip", "pod"), ("instance", "node")])
def test_a_bare_registered_address_is_what_its_target_group_holds(target_type: str, kind: str) -> None:
    target = event("target_registered", 20, private_ip="10.9.9.9", target_group_arn=TG)
    assert only(lifetimes([target], [setting(TG, "target_type", target_type)]))["kind"] == kind


def selector(service: str, **labels: str) -> list[Row]:
    return [setting(f"service/{service}", "selector", json.dumps(labels))]


def labelled(uid: str, name: str, **labels: str) -> list[Row]:
    return [setting(f"pod/{uid}", "labels", json.dumps(labels)), setting(f"pod/{uid}", "name", name)]


def service_of(settings: list[Row], name: str = "shop/web-7c9f-xk2lp") -> str | None:
    row = only(lifetimes([pod("pod_scheduled", 0, pod_name=name)], settings))
    service = row["service"]
    assert service is None or isinstance(service, str)
    return service


def test_a_pod_belongs_to_the_service_that_selects_all_of_its_labels() -> None:
    pods = labelled("u-1", "shop/web-7c9f-xk2lp", app="web", tier="front")
    assert service_of([*selector("shop/web", app="web"), *pods]) == "shop/web"
    assert service_of([*selector("shop/web", app="web", tier="back"), *pods]) is None
    assert service_of([*selector("other/web", app="web"), *pods]) is None


def test_endpoints_win_over_selectors_and_node_ports_over_cluster_services() -> None:
    pods = labelled("u-1", "shop/web-7c9f-xk2lp", app="web")
    both = [*selector("shop/a-internal", app="web"), *selector("shop/b-public", app="web"), *pods]
    assert service_of([*both, setting("service/shop/b-public", "type", "NodePort")]) == "shop/b-public"
    assert service_of([*both, setting("pod/u-1", "service", "shop/c")]) == "shop/c"


def test_exported_labels_with_underscores_match_selectors_with_dots() -> None:
    chosen = selector("shop/web", **{"app.kubernetes.io/name": "web"})
    pods = labelled("u-1", "shop/web-7c9f-xk2lp", **{"app_kubernetes_io/name": "web"})
    assert service_of([*chosen, *pods]) == "shop/web"


def test_a_gone_pod_belongs_where_its_siblings_belong() -> None:
    events = [
        pod("pod_scheduled", 0),
        pod("pod_exited", 9, "u-2", pod_name="shop/web-5d4b-zzzzz", pod_ip=None),
    ]
    rows = lifetimes(events, [setting("pod/u-1", "service", "shop/web")])
    assert only(rows, pod_uid="u-2")["service"] == "shop/web"


def test_a_gone_pod_with_the_labels_of_served_pods_belongs_to_their_service() -> None:
    events = [pod("pod_scheduled", 0), pod("pod_exited", 9, "u-2", pod_name="shop/oddname", pod_ip=None)]
    like = [
        *labelled("u-1", "shop/web-7c9f-xk2lp", **{"app": "web", "pod-template-hash": "7c9f"}),
        *labelled("u-2", "shop/oddname", **{"app": "web", "pod-template-hash": "5d4b"}),
    ]
    rows = lifetimes(events, [setting("pod/u-1", "service", "shop/web"), *like])
    assert only(rows, pod_uid="u-2")["service"] == "shop/web"


def test_a_registered_secondary_address_of_a_node_is_its_pod() -> None:
    node = {"instance_id": INSTANCE, "detail": "m5 secondary address", "private_ip": "10.0.2.77"}
    rows = lifetimes(
        [
            *node_life(),
            event("instance_launched", -10_000, "ec2", **node),
            pod("pod_scheduled", 0),
            event("target_deregistered", 900, private_ip="10.0.2.77", target_group_arn=TG),
        ]
    )
    assert since_noon(only(rows, kind="pod")["drain_started_at"]) == 900
    assert only(rows, kind="node")["drain_started_at"] is None


def test_malformed_labels_match_nothing() -> None:
    broken = [setting("pod/u-1", "labels", "{"), setting("pod/u-1", "name", "shop/web-7c9f-xk2lp")]
    assert service_of([*selector("shop/web", app="web"), *broken]) is None


def test_events_get_the_service_of_their_pod_and_keep_their_order() -> None:
    findings = from_fixture("k8s_list.json")
    events, settings = findings.events_frame(), findings.settings_frame()
    resolved = resolve_services(events, settings)
    assert resolved["event_id"].to_list() == events["event_id"].to_list()
    assert resolved.schema == events.schema
    assert set(resolved.drop_nulls("pod_name")["service"]) == {"shop/web"}


def test_a_dump_makes_the_lifetime_of_its_pod() -> None:
    findings = from_fixture("k8s_list.json")
    audit = from_fixture("k8s_audit_page.json")
    rows = lifetimes([*findings.events, *audit.events], [*findings.settings, *audit.settings])
    row = only(rows, kind="pod")
    assert (row["pod_name"], row["pod_uid"], row["service"]) == ("shop/web-7c9f-xk2lp", "p-1", "shop/web")
    assert (row["drain_started_at"].isoformat(), row["left_at"].isoformat()) == (
        "2026-03-02T11:30:00+00:00",
        "2026-03-02T11:30:13+00:00",
    )
    assert frame(EVENTS, []).height == frame(SETTINGS, []).height == 0


def in_vpc(name: str) -> tuple[list[Row], list[Row], str]:
    """A pod on a node of a VPC, the settings of the target group that it registers in, and that group."""
    group, node = f"{TG}-{name}", f"node-{name}"
    who = {"pod_uid": f"u-{name}", "pod_name": f"shop/{name}", "node_name": node}
    machine = {"node_name": node, "instance_id": f"i-{name}", "private_ip": f"10.0.9.{len(name)}"}
    events = [
        event("node_joined", -10_000, "kubernetes", vpc_id=f"vpc-{name}", **machine),
        event("pod_scheduled", 0, "kubernetes", pod_ip="10.0.2.77", **who),
    ]
    return events, [setting(group, "target_type", "ip"), setting(group, "vpc_id", f"vpc-{name}")], group


def test_an_address_that_two_vpcs_have_means_the_pod_of_the_target_groups_vpc() -> None:
    (blue, blue_group, group), (green, green_group, _) = in_vpc("blue"), in_vpc("verdant")
    leaves = event("target_deregistered", 900, private_ip="10.0.2.77", target_group_arn=group)
    rows = lifetimes([*blue, *green, leaves], [*blue_group, *green_group])
    told = {row["pod_uid"]: row for row in rows.filter(kind="pod").rows(named=True)}
    assert {uid: row["vpc_id"] for uid, row in told.items()} == {
        "u-blue": "vpc-blue",
        "u-verdant": "vpc-verdant",
    }
    assert since_noon(told["u-blue"]["drain_started_at"]) == 900
    assert told["u-verdant"]["drain_started_at"] is None


def test_a_pod_that_only_registrations_tell_of_is_one_per_vpc() -> None:
    groups = [in_vpc("blue"), in_vpc("verdant")]
    events = [
        event("target_registered", at, private_ip="10.0.2.77", target_group_arn=group)
        for at, (_, _, group) in enumerate(groups)
    ]
    rows = lifetimes(events, [row for _, settings, _ in groups for row in settings])
    assert sorted(rows["vpc_id"]) == ["vpc-blue", "vpc-verdant"]
    assert rows["left_at"].null_count() == 2
