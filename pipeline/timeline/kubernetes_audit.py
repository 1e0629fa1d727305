"""Audit events of the API server: who deleted which pod or node, and when exactly.

EKS writes them to CloudWatch Logs. Pods come and go here even when every snapshot was taken too late.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.model import EventKind
from pipeline.timeline.base import Findings
from pipeline.timeline.kubernetes_fields import (
    SOURCE,
    Record,
    grace_of,
    mapping,
    mappings,
    moment,
    number,
    read_address,
    text,
)
from pipeline.timeline.kubernetes_nodes import CORDON_TAINTS, parse_node
from pipeline.timeline.kubernetes_pods import REMOVAL_UNCERTAINTY_S, parse_pod

_KUBELET = "system:node:"


def is_audit(value: Mapping[str, Any]) -> bool:
    """Whether an object is an audit event."""
    return str(value.get("apiVersion")).startswith("audit.k8s.io/")


def parse_audit(record: Record, findings: Findings) -> datetime | None:
    """Add what one audit event says and return its instant for the coverage.

    Refused calls (an eviction that a disruption budget blocks answers 429) changed nothing.
    """
    value = record.value
    raw = value.get("requestReceivedTimestamp") or value.get("stageTimestamp")
    at = moment(record, findings, raw)
    if at is None:
        findings.problem(record.ref, "an audit event without an instant")
        return None
    if value.get("stage", "ResponseComplete") != "ResponseComplete" or not _accepted(value):
        return at
    call = _Call(record, findings, at)
    if call.resource == "pods":
        call.pod()
    elif call.resource == "nodes":
        call.node()
    return at


def _accepted(value: Mapping[str, Any]) -> bool:
    code = number(mapping(value.get("responseStatus")).get("code"))
    return code is None or code < 300  # noqa: PLR2004 - HTTP: 2xx is success


class _Call:
    """One accepted call while it is being read."""

    def __init__(self, record: Record, findings: Findings, at: datetime) -> None:
        value = record.value
        self.record, self.findings, self.at = record, findings, at
        self.about = mapping(value.get("objectRef"))
        self.resource, self.sub = text(self.about.get("resource")), text(self.about.get("subresource"))
        self.verb = text(value.get("verb")) or ""
        self.user = text(mapping(value.get("user")).get("username")) or ""
        self.request, self.response = (
            mapping(value.get("requestObject")),
            mapping(value.get("responseObject")),
        )

    def event(
        self,
        kind: EventKind,
        columns: Mapping[str, str | None],
        *,
        reason: str | None = None,
        uncertainty_s: float = 1.0,
    ) -> None:
        own = text(self.record.value.get("auditID")) or f"{self.about.get('name')}|{self.at.isoformat()}"
        what = "/".join(filter(None, (self.resource, self.sub)))
        self.findings.event(
            kind,
            self.at,
            source=SOURCE,
            own_id=f"audit|{own}",
            source_ref=self.record.ref,
            uncertainty_s=uncertainty_s,
            detail=f"{self.verb} {what} by {self.user or 'unknown'}",
            reason=reason,
            **columns,
        )

    def pod(self) -> None:
        """Placing, evicting, deleting, and the kubelet's status reports."""
        name = text(self.about.get("name"))
        if name is None:
            return  # a collection: which pods it took is told by the calls that follow
        columns = self._pod_columns(name)
        if (self.verb, self.sub) == ("create", "binding"):
            node = text(mapping(self.request.get("target")).get("name"))
            self.event(EventKind.POD_SCHEDULED, {**columns, "node_name": node})
        elif (self.verb, self.sub) == ("create", "eviction"):
            self.event(EventKind.POD_DELETION_REQUESTED, columns, reason="evicted")
        elif (self.verb, self.sub) == ("delete", None):
            self._pod_delete(columns)
        elif self.verb in {"patch", "update"} and self.sub == "status":
            self._pod_status(columns)

    def _pod_delete(self, columns: dict[str, str | None]) -> None:
        """A kubelet's delete without grace is the end; any other one starts the drain."""
        asked = grace_of(self.request.get("gracePeriodSeconds"))
        meta = mapping(self.response.get("metadata"))
        grace = grace_of(meta.get("deletionGracePeriodSeconds")) if asked is None else asked
        if self.user.startswith(_KUBELET) and not grace:
            self.event(EventKind.POD_EXITED, columns, reason="deleted", uncertainty_s=REMOVAL_UNCERTAINTY_S)
            return
        self.event(EventKind.POD_DELETION_REQUESTED, columns, reason="deleted")
        if grace:
            resource = f"pod/{columns['pod_uid'] or columns['pod_name']}"
            self.findings.setting(resource, "termination_grace_period_s", f"{grace:g}", source=SOURCE)

    def _pod_status(self, columns: dict[str, str | None]) -> None:
        """The kubelet's report: a partial pod. What the patch leaves out is not known to be absent."""
        node = self.user.removeprefix(_KUBELET) if self.user.startswith(_KUBELET) else None
        whole = mapping(self.response.get("status")) or mapping(self.request.get("status"))
        namespace, _, name = str(columns["pod_name"]).partition("/")
        meta = {**mapping(self.request.get("metadata")), **mapping(self.response.get("metadata"))}
        meta |= {"namespace": namespace, "name": name, "uid": columns["pod_uid"]}
        spec = {"nodeName": node, **mapping(self.response.get("spec"))}
        pod = Record(self.record.ref, {"metadata": meta, "spec": spec, "status": whole})
        parse_pod(pod, self.findings)

    def _pod_columns(self, name: str) -> dict[str, str | None]:
        namespace = text(self.about.get("namespace")) or "default"
        meta = mapping(self.response.get("metadata")) or mapping(self.request.get("metadata"))
        asked = mapping(self.request.get("preconditions"))
        spec, status = mapping(self.response.get("spec")), mapping(self.response.get("status"))
        return {
            "pod_name": f"{namespace}/{name}",
            "pod_uid": text(meta.get("uid")) or text(self.about.get("uid")) or text(asked.get("uid")),
            "pod_ip": read_address(text(status.get("podIP")) or ""),
            "node_name": text(spec.get("nodeName")),
        }

    def node(self) -> None:
        """Joining, leaving, cordons and readiness."""
        name = text(self.about.get("name"))
        if name is None:
            return
        if (self.verb, self.sub) == ("delete", None):
            self.event(EventKind.NODE_LEFT, {"node_name": name}, uncertainty_s=60.0)
        elif self.sub == "status" or (self.verb, self.sub) == ("create", None):
            self._whole_node(name)
        elif self.verb in {"patch", "update"}:
            self._cordon(name)

    def _whole_node(self, name: str) -> None:
        """The node as the call leaves it; a bare create is a join at the instant of the call."""
        body = self.response or self.request
        meta = {**mapping(body.get("metadata")), "name": name}
        if self.verb == "create" and "creationTimestamp" not in meta:
            self.event(EventKind.NODE_JOINED, {"node_name": name})
        node = {"metadata": meta, "spec": body.get("spec"), "status": body.get("status")}
        parse_node(Record(self.record.ref, node), self.findings)

    def _cordon(self, name: str) -> None:
        """A request that makes the node unschedulable or taints it to go.

        Only the request is read: the response repeats the taints of every earlier call.
        """
        spec = mapping(self.request.get("spec"))
        taints = {text(taint.get("key")) for taint in mappings(spec.get("taints"))} & CORDON_TAINTS
        if spec.get("unschedulable") is True or taints:
            why = "unschedulable" if not taints else min(filter(None, taints))
            self.event(EventKind.NODE_CORDONED, {"node_name": name}, reason=why)
