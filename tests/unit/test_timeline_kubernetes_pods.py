"""What single pods and nodes say, in the states that matter for a gateway error."""

from typing import Any

import pytest

from pipeline.timeline.base import Findings
from pipeline.timeline.kubernetes_fields import Record
from pipeline.timeline.kubernetes_nodes import node_group, parse_node
from pipeline.timeline.kubernetes_pods import parse_pod

CREATED = "2026-03-02T08:00:00Z"


def terminated(at: str, code: int, reason: str = "Error") -> dict[str, Any]:
    return {
        "terminated": {
            "reason": reason,
            "exitCode": code,
            "startedAt": "2026-03-02T08:00:05Z",
            "finishedAt": at,
        }
    }


def pod(
    *containers: dict[str, Any], metadata: dict[str, Any] | None = None, gone: bool = False, **status: object
) -> Record:
    meta = {
        "name": "web-1",
        "namespace": "shop",
        "uid": "u",
        "creationTimestamp": CREATED,
        **(metadata or {}),
    }
    ports = [{"containerPort": 80}]
    spec = {
        "nodeName": "n",
        "terminationGracePeriodSeconds": 60,
        "containers": [{"name": "web", "ports": ports}, {"name": "log"}],
    }
    body = {"podIP": "10.0.2.77", "containerStatuses": list(containers), **status}
    return Record("pods.json", {"metadata": meta, "spec": spec, "status": body}, gone=gone)


def container(name: str = "web", restarts: int = 0, **states: object) -> dict[str, Any]:
    return {"name": name, "restartCount": restarts, **states}


def told(record: Record) -> dict[str, tuple[str, str | None, float]]:
    findings = Findings()
    parse_pod(record, findings)
    assert findings.problems == []
    return {
        row["kind"]: (row["occurred_at"].strftime("%H:%M:%S"), row.get("reason"), row["uncertainty_s"])
        for row in findings.events
    }


DELETED = {"deletionTimestamp": "2026-03-02T11:31:00Z", "deletionGracePeriodSeconds": 60}


def test_the_delete_request_is_the_deadline_minus_the_grace_period() -> None:
    assert told(pod(metadata=DELETED))["pod_deletion_requested"] == ("11:30:00", "deleted", 1.0)


def test_only_a_deadline_is_no_exit() -> None:
    assert "pod_exited" not in told(pod(metadata=DELETED))


def test_a_container_that_ends_after_the_delete_request_exited_and_did_not_crash() -> None:
    found = told(pod(container(state=terminated("2026-03-02T11:30:20Z", 143)), metadata=DELETED))
    assert found["pod_exited"] == ("11:30:20", "deleted", 1.0)
    assert "container_crashed" not in found


def test_a_container_that_ends_before_the_delete_request_crashed() -> None:
    found = told(pod(container(lastState=terminated("2026-03-02T11:29:00Z", 1)), metadata=DELETED))
    assert found["container_crashed"] == ("11:29:00", "Error", 1.0)


def test_an_out_of_memory_kill_is_a_crash_with_its_reason_and_the_restart_follows() -> None:
    running = {"running": {"startedAt": "2026-03-02T09:12:44Z"}}
    killed = terminated("2026-03-02T09:12:40Z", 137, "OOMKilled")
    found = told(pod(container(restarts=1, state=running, lastState=killed)))
    assert found["container_crashed"] == ("09:12:40", "OOMKilled", 1.0)
    assert found["container_restarted"] == ("09:12:44", "OOMKilled", 1.0)
    assert found["pod_started"] == ("08:00:05", None, 1.0)
    assert "pod_exited" not in found


def test_a_clean_exit_with_restart_is_no_crash() -> None:
    running = {"running": {"startedAt": "2026-03-02T09:12:44Z"}}
    found = told(
        pod(
            container(restarts=1, state=running, lastState=terminated("2026-03-02T09:12:40Z", 0, "Completed"))
        )
    )
    assert "container_crashed" not in found
    assert "container_restarted" in found


def test_a_sidecar_without_a_port_does_not_end_the_pod() -> None:
    web = container(state=terminated("2026-03-02T11:30:20Z", 0, "Completed"))
    log = container("log", state=terminated("2026-03-02T11:30:59Z", 137))
    assert told(pod(web, log, metadata=DELETED))["pod_exited"][0] == "11:30:20"


def test_a_pod_being_born_is_not_reported_unready() -> None:
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-03-02T08:00:01Z"}
    waiting = container(state={"waiting": {"reason": "ContainerCreating"}})
    assert "pod_became_unready" not in told(pod(waiting, conditions=[unready]))
    running = container(state={"running": {"startedAt": "2026-03-02T08:00:05Z"}})
    later = {**unready, "lastTransitionTime": "2026-03-02T10:00:00Z"}
    assert told(pod(running, conditions=[later]))["pod_became_unready"][0] == "10:00:00"


def test_an_evicted_pod_did_not_crash() -> None:
    failed = container(state=terminated("2026-03-02T10:00:05Z", 137))
    disruption = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": "2026-03-02T10:00:00Z"}
    found = told(pod(failed, phase="Failed", reason="Evicted", conditions=[disruption]))
    assert found["pod_deletion_requested"] == ("10:00:00", "evicted", 1.0)
    assert found["pod_exited"] == ("10:00:05", "evicted", 1.0)
    assert "container_crashed" not in found


@pytest.mark.parametrize(("phase", "code", "why"), [("Succeeded", 0, "completed"), ("Failed", 2, "crash")])
def test_a_final_phase_ends_the_pod(phase: str, code: int, why: str) -> None:
    found = told(pod(container(state=terminated("2026-03-02T10:00:05Z", code)), phase=phase))
    assert found["pod_exited"] == ("10:00:05", why, 1.0)


def test_a_pod_seen_removed_without_an_exit_left_within_its_grace_period() -> None:
    running = container(state={"running": {"startedAt": "2026-03-02T08:00:05Z"}})
    found = told(pod(running, metadata=DELETED, gone=True))
    assert found["pod_exited"] == ("11:30:30", "deleted", 30.0)


def test_a_final_delete_resets_the_grace_period_and_the_request_stays() -> None:
    final = {"deletionTimestamp": "2026-03-02T11:30:00Z", "deletionGracePeriodSeconds": 0}
    running = container(state={"running": {"startedAt": "2026-03-02T08:00:05Z"}})
    found = told(pod(running, metadata=final, gone=True))
    assert found["pod_deletion_requested"][0] == "11:30:00"
    assert found["pod_exited"] == ("11:30:30", "deleted", 30.0)


def test_an_absurd_grace_period_is_ignored() -> None:
    found = told(pod(metadata={**DELETED, "deletionGracePeriodSeconds": 1e300}))
    assert found["pod_deletion_requested"][0] == "11:31:00"


def node(*, gone: bool = False, **parts: dict[str, Any]) -> Record:
    meta = {
        "name": "ip-10-0-3-44.ec2.internal",
        "uid": "n",
        "creationTimestamp": CREATED,
        **parts.pop("metadata", {}),
    }
    spec = {"providerID": "aws:///eu-west-1b/i-0c2f6a11e3b5d7f92", **parts.pop("spec", {})}
    status = {"addresses": [{"type": "InternalIP", "address": "10.0.3.44"}], **parts.pop("status", {})}
    return Record("nodes.json", {"metadata": meta, "spec": spec, "status": status}, gone=gone)


def node_told(record: Record) -> Findings:
    findings = Findings()
    parse_node(record, findings)
    return findings


def test_a_node_names_its_instance_address_and_group() -> None:
    row = node_told(node(metadata={"labels": {"karpenter.sh/nodepool": "bulk"}})).events[0]
    assert (row["kind"], row["instance_id"], row["private_ip"], row["node_group"]) == (
        "node_joined",
        "i-0c2f6a11e3b5d7f92",
        "10.0.3.44",
        "bulk",
    )


def test_the_zone_of_a_node_is_a_setting() -> None:
    found = node_told(node(metadata={"labels": {"topology.kubernetes.io/zone": "eu-west-1b"}}))
    assert ("availability_zone", "eu-west-1b") in {(row["setting"], row["value"]) for row in found.settings}


@pytest.mark.parametrize("provider", ["aws:///eu-west-1b/i-1", "gce://p/z/i-0c2f6a11e3b5d7f92", "", "x" * 99])
def test_a_provider_id_of_another_kind_names_no_instance(provider: str) -> None:
    assert node_told(node(spec={"providerID": provider})).events[0]["instance_id"] is None


def test_a_cordon_is_an_event_only_where_its_instant_is_known() -> None:
    bare = {"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}
    timed = {"key": "node.kubernetes.io/unschedulable", "timeAdded": "2026-03-02T09:00:00Z"}
    assert [row["kind"] for row in node_told(node(spec={"taints": [bare]})).events] == ["node_joined"]
    found = node_told(node(spec={"taints": [bare, timed], "unschedulable": True}))
    assert [(row["kind"], row["reason"]) for row in found.events[1:]] == [
        ("node_cordoned", "node.kubernetes.io/unschedulable")
    ]
    assert ("unschedulable", "true") in {(row["setting"], row["value"]) for row in found.settings}


def test_a_removed_node_left_at_its_last_news_or_later() -> None:
    heard = {"type": "MemoryPressure", "status": "False", "lastHeartbeatTime": "2026-03-02T10:00:00Z"}
    row = node_told(node(status={"conditions": [heard]}, gone=True)).events[-1]
    assert (row["kind"], row["occurred_at"].hour, row["uncertainty_s"]) == ("node_left", 10, 300.0)


def test_the_exclusion_label_is_a_setting() -> None:
    labels = {"node.kubernetes.io/exclude-from-external-load-balancers": ""}
    found = {row["setting"]: row["value"] for row in node_told(node(metadata={"labels": labels})).settings}
    assert found["exclude_from_load_balancers"] == "true"


def test_a_role_label_names_the_group_when_nothing_better_does() -> None:
    assert node_group({"node-role.kubernetes.io/worker": ""}) == "worker"
    assert node_group({"node-role.kubernetes.io/worker": "", "role": "bulk"}) == "bulk"
    assert node_group({"kubernetes.io/os": "linux"}) is None
