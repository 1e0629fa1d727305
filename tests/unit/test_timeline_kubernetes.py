"""Shapes of Kubernetes dumps: what is recognised, how lists, watches and logs are read, what they cover."""

import json
from typing import Any

import pytest

from pipeline.timeline import kubernetes
from tests.support.kubernetes_dumps import (
    FIXTURES,
    document,
    from_fixture,
    kinds,
    parsed,
    pod,
    spans,
    watched,
)


def test_a_mixed_list_gives_the_whole_story() -> None:
    findings = from_fixture("k8s_list.json")
    assert kinds(findings) == [
        ("container_crashed", "09:12:40"),
        ("container_restarted", "09:12:44"),
        ("endpoints_changed", "11:30:00"),
        ("node_became_ready", "11:21:33"),
        ("node_cordoned", "12:30:00"),
        ("node_joined", "11:21:02"),
        ("pod_became_unready", "11:30:12"),
        ("pod_deletion_requested", "11:30:00"),
        ("pod_deletion_requested", "11:30:00"),
        ("pod_scheduled", "08:00:01"),
        ("pod_started", "08:00:05"),
    ]
    assert findings.problems == []


def test_services_endpoints_and_bindings_become_settings() -> None:
    found = {
        (row["resource"], row["setting"]): row["value"] for row in from_fixture("k8s_list.json").settings
    }
    arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web-30080/943f017f100becff"
    assert found["service/shop/web", "node_port:30080"] == "8080"
    assert found["service/shop/web", "external_traffic_policy"] == "Cluster"
    assert json.loads(found["service/shop/web", "selector"]) == {"app": "web"}
    assert found["service/shop/web", "target_group_arn"] == arn
    assert found[arn, "service"] == "shop/web"
    assert found["pod/p-1", "service"] == "shop/web"
    assert found["pod/p-1", "termination_grace_period_s"] == "60"
    assert found["node/ip-10-0-3-44.eu-west-1.compute.internal", "kubelet_version"] == "v1.31.2-eks-1"


def test_rows_fit_the_tables() -> None:
    findings = from_fixture("k8s_list.json")
    assert findings.events_frame().height == len(findings.events)
    assert findings.settings_frame().height == len(findings.settings)
    assert findings.coverage_frame().height == len(findings.coverage)


def test_items_of_a_raw_list_take_their_kind_from_the_list() -> None:
    bare = {key: value for key, value in pod().items() if key not in {"kind", "apiVersion"}}
    findings = parsed({"apiVersion": "v1", "kind": "PodList", "items": [bare]})
    assert kinds(findings) == [("pod_scheduled", "08:00:00")]


def test_a_bare_object_is_a_list_of_one() -> None:
    assert kinds(parsed(pod())) == kinds(parsed({"apiVersion": "v1", "kind": "List", "items": [pod()]}))


def test_a_snapshot_covers_one_instant_and_not_the_time_of_its_file() -> None:
    findings = parsed(
        {"apiVersion": "v1", "kind": "List", "items": [pod(), pod("b", created="2026-03-02T09:00:00Z")]}
    )
    assert spans(findings, "pods") == [("09:00:00", "09:00:00")]


def test_a_watch_covers_from_its_first_change_to_its_last() -> None:
    findings = parsed(
        watched("ADDED", pod("old", created="2026-03-01T00:00:00Z")),
        watched("ADDED", pod("a", created="2026-03-02T08:00:00Z")),
        watched("MODIFIED", pod("a2", created="2026-03-02T08:00:30Z")),
        watched("ADDED", pod("b", created="2026-03-02T09:00:00Z")),
        watched("DELETED", pod("c", created="2026-03-02T09:30:00Z")),
    )
    assert spans(findings, "pods") == [("08:00:00", "09:30:00")]


def test_a_repeated_watch_line_is_one_event() -> None:
    once = parsed(watched("ADDED", pod()))
    twice = parsed(watched("ADDED", pod()), watched("MODIFIED", pod()))
    assert twice.events_frame().height == once.events_frame().height == 1


def test_a_watch_that_broke_off_is_a_problem_and_a_bookmark_is_none() -> None:
    status = {"kind": "Status", "apiVersion": "v1", "message": "too old resource version", "code": 410}
    bookmark = {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}}
    findings = parsed(watched("BOOKMARK", bookmark), watched("ERROR", status))
    assert [problem.what for problem in findings.problems] == [
        "the watch broke off: too old resource version"
    ]
    assert findings.events == []


def test_unused_kinds_are_told_and_not_lost() -> None:
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    findings = parsed({"apiVersion": "v1", "kind": "List", "items": [extra, extra, pod()]})
    assert [problem.what for problem in findings.problems] == ["2 objects of kind ConfigMap are not used"]
    assert len(findings.events) == 1


@pytest.mark.parametrize(
    "value",
    [
        {"Activities": []},
        {"Events": [{"EventId": "e"}]},
        {"events": [{"message": "plain text"}]},
        {"kind": "ConfigMap", "apiVersion": "v1"},
        {"kind": "Pod", "apiVersion": "example.com/v1"},
        {"detail-type": "EC2 Instance State-change Notification", "detail": {}},
        {"type": "x", "object": "y"},
        {},
    ],
)
def test_dumps_of_others_are_left_to_them(value: dict[str, Any]) -> None:
    assert not kubernetes.reads(document(value))


@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, [None, 3], {"a": []}, True, "9" * 400, 1e308])
@pytest.mark.parametrize(
    "path",
    [
        ("metadata",),
        ("metadata", "name"),
        ("metadata", "labels"),
        ("metadata", "creationTimestamp"),
        ("metadata", "deletionTimestamp"),
        ("metadata", "deletionGracePeriodSeconds"),
        ("spec",),
        ("spec", "taints"),
        ("spec", "providerID"),
        ("spec", "ports"),
        ("spec", "containers"),
        ("status",),
        ("status", "conditions"),
        ("status", "containerStatuses"),
        ("status", "addresses"),
        ("involvedObject", "uid"),
        ("lastTimestamp",),
        ("count",),
        ("endpoints",),
    ],
)
def test_junk_anywhere_is_never_a_traceback(path: tuple[str, ...], junk: object) -> None:
    page = json.loads((FIXTURES / "k8s_list.json").read_text())
    for item in page["items"]:
        place = item
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = junk
    findings = parsed(page)
    assert findings.events_frame().height == len({row["event_id"] for row in findings.events})


def test_a_malformed_instant_is_told_with_file_and_item() -> None:
    broken = pod(created="yesterday")
    findings = parsed({"apiVersion": "v1", "kind": "List", "items": [pod("a"), broken]})
    assert {problem.ref for problem in findings.problems} == {"dump.json items[2]"}
    assert "yesterday" in findings.problems[0].what
