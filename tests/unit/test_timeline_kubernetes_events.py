"""Events of a cluster and calls in its audit log."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.timeline import kubernetes
from pipeline.timeline.base import Document, Findings
from tests.support.kubernetes_dumps import from_fixture, kinds, parsed, spans, watched


def event(reason: str, message: str = "", kind: str = "Pod", **fields: object) -> dict[str, Any]:
    about = {"kind": kind, "namespace": "shop", "name": "web-1", "uid": "u-1"}
    times = {"firstTimestamp": "2026-03-02T11:30:00Z", "lastTimestamp": "2026-03-02T11:30:00Z"}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": about,
        "reason": reason,
        "message": message,
        "type": "Normal",
        **times,
        **fields,
    }


@pytest.mark.parametrize(
    ("reason", "message", "about", "kind"),
    [
        ("Killing", "Stopping container web", "Pod", "pod_deletion_requested"),
        ("Killing", "Container web failed liveness probe, will be restarted", "Pod", "container_crashed"),
        ("Evicted", "The node was low on resource: memory.", "Pod", "pod_deletion_requested"),
        ("Preempted", "Preempted by pod x", "Pod", "pod_deletion_requested"),
        ("TaintManagerEviction", "Marking for deletion Pod shop/web-1", "Pod", "pod_deletion_requested"),
        ("Unhealthy", "Readiness probe failed: timeout", "Pod", "probe_failed"),
        ("BackOff", "Back-off restarting failed container web", "Pod", "container_crashed"),
        ("Scheduled", "Successfully assigned shop/web-1 to ip-10-0-2-14", "Pod", "pod_scheduled"),
        ("NodeNotReady", "Node n status is now: NodeNotReady", "Node", "node_became_unready"),
        ("NodeReady", "Node n status is now: NodeReady", "Node", "node_became_ready"),
        ("RegisteredNode", "Node n event: Registered Node n in Controller", "Node", "node_joined"),
        ("RemovingNode", "Node n event: Removing Node n from Controller", "Node", "node_left"),
        ("Rebooted", "Node n has been rebooted", "Node", "instance_impaired"),
        ("SystemOOM", "System OOM encountered, victim process: java", "Node", "instance_impaired"),
        ("ScaleDown", "marked the node as toBeDeleted/unschedulable", "Node", "scaling_decided"),
        ("ScaleDownEmpty", "Scale-down: removing empty node", "ConfigMap", "scaling_decided"),
    ],
)
def test_reasons_say_what_happened(reason: str, message: str, about: str, kind: str) -> None:
    assert kinds(parsed(event(reason, message, about))) == [(kind, "11:30:00")]


@pytest.mark.parametrize(
    ("reason", "message"),
    [("Pulled", "Container image already present"), ("BackOff", "Back-off pulling image x")],
)
def test_reasons_that_say_nothing_about_lives_are_passed_over(reason: str, message: str) -> None:
    assert parsed(event(reason, message)).events == []


def test_an_unknown_warning_is_kept_as_other() -> None:
    found = parsed(event("FailedKillPod", "error killing pod", type="Warning")).events
    assert [(row["kind"], row["reason"]) for row in found] == [("other", "FailedKillPod")]


def test_a_scheduled_event_names_the_node() -> None:
    row = parsed(event("Scheduled", "Successfully assigned shop/web-1 to ip-10-0-2-14")).events[0]
    assert (row["pod_name"], row["pod_uid"], row["node_name"]) == ("shop/web-1", "u-1", "ip-10-0-2-14")


def test_a_counted_event_is_its_first_and_its_last_instant() -> None:
    again = event("Unhealthy", "Readiness probe failed", count=40, lastTimestamp="2026-03-02T11:40:00Z")
    assert kinds(parsed(again)) == [("probe_failed", "11:30:00"), ("probe_failed", "11:40:00")]


def test_an_event_of_the_newer_api_is_read_by_its_own_fields() -> None:
    new = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e", "creationTimestamp": "2026-03-02T11:30:00Z"},
        "regarding": {"kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "u-1"},
        "reason": "Unhealthy",
        "note": "Liveness probe failed",
        "eventTime": "2026-03-02T11:30:00.123456Z",
        "series": {"count": 3, "lastObservedTime": "2026-03-02T11:31:00.000000Z"},
    }
    assert kinds(parsed(new)) == [("probe_failed", "11:30:00"), ("probe_failed", "11:31:00")]


def test_an_exported_event_needs_no_kind() -> None:
    exported = {key: value for key, value in event("Killing").items() if key not in {"kind", "apiVersion"}}
    exported["involvedObject"] = {**exported["involvedObject"], "labels": {"app_kubernetes_io/name": "web"}}
    findings = parsed({**exported, "clusterName": "prod"})
    assert kinds(findings) == [("pod_deletion_requested", "11:30:00")]
    assert spans(findings, "kube_events") == [("11:30:00", "11:30:00")]


def test_listed_events_cover_no_more_than_the_hour_a_cluster_keeps_them() -> None:
    old = event("Killing", firstTimestamp=None, lastTimestamp="2026-03-02T08:00:00Z")
    items = {"apiVersion": "v1", "kind": "List", "items": [old, event("Killing")]}
    assert spans(parsed(items), "kube_events") == [("10:30:00", "11:30:00")]


def test_streamed_events_cover_from_the_first_to_the_last() -> None:
    old = event("Killing", firstTimestamp=None, lastTimestamp="2026-03-02T08:00:00Z")
    assert spans(parsed(watched("ADDED", old), watched("ADDED", event("Killing"))), "kube_events") == [
        ("08:00:00", "11:30:00")
    ]


def test_an_event_without_an_instant_is_a_problem() -> None:
    findings = parsed(event("Killing", firstTimestamp=None, lastTimestamp=None))
    assert [problem.what for problem in findings.problems] == ["an Event without any instant"]


def call(verb: str, resource: str = "pods", sub: str | None = None, **fields: object) -> dict[str, Any]:
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": "a",
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": fields.pop("user", "system:serviceaccount:kube-system:replicaset-controller")},
        "objectRef": {"resource": resource, "namespace": "shop", "name": "web-1", "subresource": sub},
        "responseStatus": {"code": fields.pop("code", 200)},
        "requestReceivedTimestamp": "2026-03-02T11:30:00.401233Z",
        **fields,
    }


def test_a_page_of_the_audit_log_gives_request_and_exit_and_reports_what_is_cut() -> None:
    findings = from_fixture("k8s_audit_page.json")
    assert kinds(findings) == [("pod_deletion_requested", "11:30:00"), ("pod_exited", "11:30:13")]
    assert {row["pod_uid"] for row in findings.events} == {"p-1"}
    assert [problem.ref for problem in findings.problems] == ["k8s_audit_page.json events[3]"]
    assert spans(findings, "audit") == [("11:30:00", "11:30:13")]


def test_a_firehose_record_is_read_like_a_page() -> None:
    record = {
        "messageType": "DATA_MESSAGE",
        "logEvents": [{"id": "1", "message": json.dumps(call("delete"))}],
    }
    assert kinds(parsed(record)) == [("pod_deletion_requested", "11:30:00")]


def test_other_streams_of_the_log_group_are_passed_over() -> None:
    page = {"events": [{"message": "time=… level=info"}, {"message": json.dumps(call("delete"))}]}
    findings = parsed(page)
    assert len(findings.events) == 1
    assert findings.problems == []


def test_placing_a_pod_names_its_node() -> None:
    row = parsed(call("create", sub="binding", requestObject={"target": {"name": "ip-10-0-2-14"}})).events[0]
    assert (row["kind"], row["node_name"]) == ("pod_scheduled", "ip-10-0-2-14")


def test_an_eviction_counts_unless_a_budget_blocked_it() -> None:
    assert kinds(parsed(call("create", sub="eviction", code=201))) == [("pod_deletion_requested", "11:30:00")]
    assert parsed(call("create", sub="eviction", code=429)).events == []


def test_a_kubelet_reports_a_crash_by_a_status_patch() -> None:
    ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-03-02T11:29:58Z"}
    status = {"containerStatuses": [{"name": "web", "restartCount": 0, "state": {"terminated": ended}}]}
    body = {"metadata": {"uid": "u-1"}, "status": status}
    row = parsed(call("patch", sub="status", user="system:node:n-1", requestObject=body)).events[0]
    assert (row["kind"], row["reason"], row["pod_uid"], row["node_name"]) == (
        "container_crashed",
        "OOMKilled",
        "u-1",
        "n-1",
    )


def test_nodes_come_go_and_are_cordoned() -> None:
    unschedulable = {"spec": {"unschedulable": True}}
    assert kinds(parsed(call("create", "nodes", user="system:node:web-1"))) == [("node_joined", "11:30:00")]
    assert kinds(parsed(call("delete", "nodes"))) == [("node_left", "11:30:00")]
    assert kinds(parsed(call("patch", "nodes", requestObject=unschedulable))) == [
        ("node_cordoned", "11:30:00")
    ]
    assert parsed(call("patch", "nodes", requestObject={"metadata": {"labels": {"a": "b"}}})).events == []


def test_calls_that_say_nothing_about_lives_still_cover_their_instant() -> None:
    findings = parsed(call("get", "secrets"))
    assert findings.events == []
    assert spans(findings, "audit") == [("11:30:00", "11:30:00")]


@pytest.mark.parametrize("junk", [None, 7, "x", [], [{}], {"a": 1}])
@pytest.mark.parametrize(
    "key", ["objectRef", "requestObject", "responseObject", "user", "responseStatus", "verb"]
)
def test_junk_in_a_call_is_never_a_traceback(key: str, junk: object) -> None:
    for resource in ("pods", "nodes"):
        for sub in (None, "status", "binding"):
            findings = Findings()
            value = {**call("patch", resource, sub), key: junk}
            kubernetes.parse(Document("a.json", "a", value, datetime(2026, 3, 2, tzinfo=UTC)), findings)
            assert len(findings.coverage) == 1
