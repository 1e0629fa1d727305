"""Pods: when each was scheduled, ready, told to go, crashed and gone.

A pod that no longer exists is in no snapshot. What a snapshot tells is therefore the story of the
survivors; only watch streams, events and the audit log tell about the others.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pipeline.model import EventKind
from pipeline.timeline import keep_alive, pod_drain
from pipeline.timeline.base import Findings
from pipeline.timeline.kubernetes_fields import (
    SOURCE,
    Record,
    deletion_requested_at,
    full_name,
    grace_of,
    labels_of,
    latest_instant,
    mapping,
    mappings,
    metadata,
    moment,
    number,
    read_address,
    text,
)

DEFAULT_GRACE_S = 30.0
REMOVAL_UNCERTAINTY_S = 5.0
"""The kubelet removes the object a few seconds after the last container has exited."""

_EVICTIONS = frozenset({"Evicted", "Preempting", "NodeShutdown", "Terminated", "NodeAffinity", "Shutdown"})


def parse_pod(record: Record, findings: Findings) -> None:
    """Add what one Pod object says: events, and the settings that tell its service and its grace period."""
    name = full_name(record)
    if name is None:
        findings.problem(record.ref, "a Pod without a name")
        return
    pod = _Pod(record, findings, name)
    pod.placed()
    pod.conditions()
    pod.deletion()
    pod.containers()
    if record.gone:
        pod.removed()
    pod.settings()


class _Pod:
    """One pod while it is being read."""

    def __init__(self, record: Record, findings: Findings, name: str) -> None:
        self.record, self.findings, self.name = record, findings, name
        self.uid = text(metadata(record).get("uid"))
        self.spec = mapping(record.value.get("spec"))
        self.status = mapping(record.value.get("status"))
        self.deleted_at = deletion_requested_at(record, findings)

    def event(
        self, kind: EventKind, at: datetime, what: str = "", uncertainty_s: float = 1.0, **columns: str | None
    ) -> None:
        """Add an event of this pod; the same fact read twice has the same id."""
        self.findings.event(
            kind,
            at,
            source=SOURCE,
            own_id=f"{self.uid or self.name}|{at.isoformat()}|{what}",
            source_ref=self.record.ref,
            uncertainty_s=uncertainty_s,
            pod_name=self.name,
            pod_uid=self.uid,
            pod_ip=read_address(text(self.status.get("podIP")) or ""),
            node_name=text(self.spec.get("nodeName")),
            **columns,
        )

    def moment(self, value: object) -> datetime | None:
        return moment(self.record, self.findings, value)

    def placed(self) -> None:
        """The pod got a node: the PodScheduled condition, else the creation of a pod that has a node."""
        created_at = self.moment(metadata(self.record).get("creationTimestamp"))
        condition = self._condition("PodScheduled")
        if condition.get("status") == "True":
            created_at = self.moment(condition.get("lastTransitionTime")) or created_at
        elif text(self.spec.get("nodeName")) is None:
            return
        if created_at:
            self.event(EventKind.POD_SCHEDULED, created_at)

    def conditions(self) -> None:
        """The last flip of readiness, and a disruption that somebody announced."""
        ready = self._condition("Ready")
        at = self.moment(ready.get("lastTransitionTime"))
        if at and ready.get("status") == "True":
            self.event(EventKind.POD_BECAME_READY, at)
        elif at and self._had_started_by(at):
            self.event(EventKind.POD_BECAME_UNREADY, at, reason=text(ready.get("reason")))
        disruption = self._condition("DisruptionTarget")
        at = self.moment(disruption.get("lastTransitionTime"))
        if at and disruption.get("status") == "True":
            detail = text(disruption.get("message")) or text(disruption.get("reason"))
            self.event(EventKind.POD_DELETION_REQUESTED, at, "disruption", reason="evicted", detail=detail)

    def deletion(self) -> None:
        """The delete request that the deadline implies."""
        if self.deleted_at:
            detail = f"grace period {self._grace_s():g} s"
            self.event(EventKind.POD_DELETION_REQUESTED, self.deleted_at, reason="deleted", detail=detail)

    def containers(self) -> None:
        """Starts, crashes, restarts and the final exit, container by container."""
        statuses = mappings(self.status.get("containerStatuses"))
        starts = [self._first_start(status) for status in statuses]
        known = [start for start in starts if start]
        if known and len(known) == len(starts):
            self.event(EventKind.POD_STARTED, max(known))
        for status in statuses:
            self._crashes(status)
            self._restart(status)
            self._exit(status)

    def removed(self) -> None:
        """The object is gone; if no exit was recorded, it happened between the last news and the deadline."""
        statuses = mappings(self.status.get("containerStatuses"))
        if any(mapping(mapping(status.get("state")).get("terminated")) for status in statuses):
            return
        last = latest_instant(self.record)
        known = [at for at in (last, self.deleted_at) if at]
        if known:
            half = self._grace_s() / 2
            exited_at = max(known) + timedelta(seconds=half)
            detail = "the watch saw it removed; when it exited was not recorded"
            uncertainty_s = max(half, REMOVAL_UNCERTAINTY_S)
            reason = "deleted" if self.deleted_at else None
            self.event(
                EventKind.POD_EXITED, exited_at, "removed", uncertainty_s, detail=detail, reason=reason
            )

    def settings(self) -> None:
        """Labels (they tell the service, in whatever order files are read), and how the pod ends."""
        created_at = self.moment(metadata(self.record).get("creationTimestamp"))
        resource = f"pod/{self.uid or self.name}"
        values = {"name": self.name, "labels": json.dumps(labels_of(self.record), sort_keys=True)}
        if grace_of(self.spec.get("terminationGracePeriodSeconds")) is not None:
            values["termination_grace_period_s"] = f"{self._grace_s():g}"
        values |= pod_drain.settings(self.spec) | keep_alive.settings(self.spec)
        for setting, value in values.items():
            self.findings.setting(resource, setting, value, source=SOURCE, valid_from=created_at)

    def _condition(self, kind: str) -> Mapping[str, Any]:
        found = (c for c in mappings(self.status.get("conditions")) if c.get("type") == kind)
        return next(found, {})

    def _grace_s(self) -> float:
        """The grace period: of the delete, unless a final delete has reset it to 0, else of the spec."""
        asked = grace_of(metadata(self.record).get("deletionGracePeriodSeconds"))
        if asked:
            return asked
        planned = grace_of(self.spec.get("terminationGracePeriodSeconds"))
        return DEFAULT_GRACE_S if planned is None else planned

    def _had_started_by(self, at: datetime) -> bool:
        """Whether an unready pod was more than just born; a partial status does not tell, and is believed."""
        statuses = mappings(self.status.get("containerStatuses"))
        starts = [
            mapping(mapping(status.get(state)).get(how)).get("startedAt")
            for status in statuses
            for state, how in (("state", "running"), ("state", "terminated"), ("lastState", "terminated"))
        ]
        return not statuses or any(start <= at for start in map(self.moment, starts) if start)

    def _first_start(self, status: Mapping[str, Any]) -> datetime | None:
        """When a container first started: known until the second restart overwrites it."""
        restarts = number(status.get("restartCount")) or 0
        if restarts == 0:
            state = mapping(status.get("state"))
            current = mapping(state.get("running")) or mapping(state.get("terminated"))
            return self.moment(current.get("startedAt"))
        previous = mapping(mapping(status.get("lastState")).get("terminated"))
        return self.moment(previous.get("startedAt")) if restarts == 1 else None

    def _crashes(self, status: Mapping[str, Any]) -> None:
        for state in ("lastState", "state"):
            ended = mapping(mapping(status.get(state)).get("terminated"))
            at = self.moment(ended.get("finishedAt"))
            failed = number(ended.get("exitCode")) or ended.get("reason") in {"OOMKilled", "Error"}
            if at and failed and not self._told_to_go_before(at):
                name = text(status.get("name")) or "?"
                detail = f"container {name} exit code {ended.get('exitCode')}"
                reason = text(ended.get("reason")) or "Error"
                self.event(EventKind.CONTAINER_CRASHED, at, name, reason=reason, detail=detail)

    def _restart(self, status: Mapping[str, Any]) -> None:
        at = self.moment(mapping(mapping(status.get("state")).get("running")).get("startedAt"))
        if at and (number(status.get("restartCount")) or 0) > 0:
            name = text(status.get("name")) or "?"
            ended = mapping(mapping(status.get("lastState")).get("terminated"))
            detail = f"container {name} started again, restart {status.get('restartCount')}"
            self.event(
                EventKind.CONTAINER_RESTARTED, at, name, reason=text(ended.get("reason")), detail=detail
            )

    def _exit(self, status: Mapping[str, Any]) -> None:
        """A container that ended for good: the pod is being deleted, or its phase is a final one."""
        ended = mapping(mapping(status.get("state")).get("terminated"))
        at = self.moment(ended.get("finishedAt"))
        phase = self.status.get("phase")
        final = self.deleted_at is not None or phase in {"Succeeded", "Failed"} or self.record.gone
        name = text(status.get("name")) or "?"
        if at and final and self._serves(name):
            detail = f"container {name} exit code {ended.get('exitCode')}"
            self.event(EventKind.POD_EXITED, at, name, reason=self._why(at), detail=detail)

    def _serves(self, container: str) -> bool:
        """Whether a container takes requests: it declares a port, or none does."""
        declared = {
            text(c.get("name")) for c in mappings(self.spec.get("containers")) if mappings(c.get("ports"))
        }
        return not declared or container in declared

    def _why(self, exited_at: datetime) -> str:
        if self._was_evicted():
            return "evicted"
        if self.deleted_at and exited_at >= self.deleted_at:
            return "deleted"
        return "completed" if self.status.get("phase") == "Succeeded" else "crash"

    def _told_to_go_before(self, at: datetime) -> bool:
        return self._was_evicted() or (self.deleted_at is not None and at >= self.deleted_at)

    def _was_evicted(self) -> bool:
        disruption = self._condition("DisruptionTarget")
        return self.status.get("reason") in _EVICTIONS or disruption.get("status") == "True"
