"""Nodes: joined, ready, cordoned, gone; and the settings that decide whether they forward."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.model import EventKind
from pipeline.timeline.base import Findings
from pipeline.timeline.kubernetes_fields import (
    SOURCE,
    Record,
    labels_of,
    latest_instant,
    mapping,
    mappings,
    metadata,
    moment,
    read_address,
    text,
)

_PROVIDER_ID = re.compile(r"\Aaws:///[^/]*/(i-(?:[0-9a-f]{17}|[0-9a-f]{8}))\Z")
_GROUP_LABELS = (
    "eks.amazonaws.com/nodegroup",
    "karpenter.sh/nodepool",
    "karpenter.sh/provisioner-name",
    "alpha.eksctl.io/nodegroup-name",
    "kops.k8s.io/instancegroup",
    "node-role",
    "role",
)
_ROLE_PREFIX = "node-role.kubernetes.io/"
_EXCLUDE_LABELS = (
    "node.kubernetes.io/exclude-from-external-load-balancers",
    "alpha.service-controller.kubernetes.io/exclude-balancer",
)
CORDON_TAINTS = frozenset(
    {
        "node.kubernetes.io/unschedulable",
        "ToBeDeletedByClusterAutoscaler",
        "karpenter.sh/disrupted",
        "karpenter.sh/disruption",
    }
)
REMOVAL_UNCERTAINTY_S = 300.0
"""Quiet nodes renew their conditions every five minutes, and a watch line itself carries no time."""


def node_group(labels: Mapping[str, str]) -> str | None:
    """Group or role of a node by the labels that EKS, Karpenter, eksctl, kops and people use."""
    for label in _GROUP_LABELS:
        if labels.get(label):
            return labels[label]
    roles = sorted(key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX))
    return next(filter(None, roles), None)


def parse_node(record: Record, findings: Findings) -> None:
    """Add what one Node object says."""
    if text(metadata(record).get("name")) is None:
        findings.problem(record.ref, "a Node without a name")
        return
    node = _Node(record, findings)
    node.joined()
    node.readiness()
    node.cordons()
    node.removed()
    node.settings()


class _Node:
    """One node while it is being read."""

    def __init__(self, record: Record, findings: Findings) -> None:
        self.record, self.findings = record, findings
        self.name = str(metadata(record)["name"])
        self.spec = mapping(record.value.get("spec"))
        self.status = mapping(record.value.get("status"))
        self.created_at = self.moment(metadata(record).get("creationTimestamp"))
        provider = _PROVIDER_ID.match(text(self.spec.get("providerID")) or "")
        self.columns = {
            "node_name": self.name,
            "instance_id": provider[1] if provider else None,
            "private_ip": self._address(),
            "node_group": node_group(labels_of(record)),
        }

    def moment(self, value: object) -> datetime | None:
        return moment(self.record, self.findings, value)

    def event(
        self, kind: EventKind, at: datetime, what: str = "", uncertainty_s: float = 1.0, **columns: str | None
    ) -> None:
        """Add an event of this node; a replaced node of the same name has another uid."""
        uid = text(metadata(self.record).get("uid")) or self.name
        self.findings.event(
            kind,
            at,
            source=SOURCE,
            own_id=f"{uid}|{at.isoformat()}|{what}",
            source_ref=self.record.ref,
            uncertainty_s=uncertainty_s,
            **self.columns,
            **columns,
        )

    def joined(self) -> None:
        if self.created_at:
            self.event(EventKind.NODE_JOINED, self.created_at)

    def readiness(self) -> None:
        """The last flip of the Ready condition. A node is born unready: that is no news."""
        for condition in mappings(self.status.get("conditions")):
            at = self.moment(condition.get("lastTransitionTime"))
            if condition.get("type") != "Ready" or at is None:
                continue
            reason = text(condition.get("reason"))
            if condition.get("status") == "True":
                self.event(EventKind.NODE_BECAME_READY, at, reason=reason)
            elif at != self.created_at:
                detail = text(condition.get("message"))
                self.event(EventKind.NODE_BECAME_UNREADY, at, reason=reason, detail=detail)

    def cordons(self) -> None:
        """Taints that announce the end, where an instant is known; and the delete request of a finalizer."""
        for taint in mappings(self.spec.get("taints")):
            key = text(taint.get("key"))
            at = self._tainted_at(taint)
            if key in CORDON_TAINTS and at:
                self.event(EventKind.NODE_CORDONED, at, str(key), reason=key)
        at = self.moment(metadata(self.record).get("deletionTimestamp"))
        if at:
            self.event(EventKind.NODE_CORDONED, at, "deletion", reason="deletion requested")

    def removed(self) -> None:
        at = latest_instant(self.record) if self.record.gone else None
        if at:
            detail = "the watch saw it removed, at this instant or later"
            self.event(EventKind.NODE_LEFT, at, "removed", REMOVAL_UNCERTAINTY_S, detail=detail)

    def settings(self) -> None:
        """Versions, exclusion from load balancers, and a cordon."""
        info = mapping(self.status.get("nodeInfo"))
        labels = labels_of(self.record)
        values = {
            "kubelet_version": text(info.get("kubeletVersion")),
            "kube_proxy_version": text(info.get("kubeProxyVersion")),
            "exclude_from_load_balancers": str(any(label in labels for label in _EXCLUDE_LABELS)).lower(),
            "availability_zone": labels.get("topology.kubernetes.io/zone")
            or labels.get("failure-domain.beta.kubernetes.io/zone"),
            "unschedulable": str(self.spec.get("unschedulable") is True).lower(),
        }
        for setting, value in values.items():
            if value is not None:
                self.findings.setting(
                    f"node/{self.name}", setting, value, source=SOURCE, valid_from=self.created_at
                )

    def _tainted_at(self, taint: Mapping[str, Any]) -> datetime | None:
        """When a taint was added: its own time, or the second that cluster-autoscaler keeps as its value."""
        added_at = self.moment(taint.get("timeAdded"))
        value = text(taint.get("value")) or ""
        if added_at or taint.get("key") != "ToBeDeletedByClusterAutoscaler" or not value.isdecimal():
            return added_at
        return self.moment(int(value[:12]))

    def _address(self) -> str | None:
        addresses = mappings(self.status.get("addresses"))
        internal = (
            read_address(text(a.get("address")) or "") for a in addresses if a.get("type") == "InternalIP"
        )
        return next(filter(None, internal), None)
