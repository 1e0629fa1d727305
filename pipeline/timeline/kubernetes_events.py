"""Core and events.k8s.io events, as kubectl lists, a watch streams or an event exporter writes them.

They live for an hour in the cluster. A repeated event is one object with a count: only its first and its
last instant are known, so it becomes two events at most.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.model import EventKind
from pipeline.timeline.base import Findings
from pipeline.timeline.kubernetes_fields import SOURCE, Record, mapping, metadata, moment, number, text

_NODE_OF_ASSIGNMENT = re.compile(r"\ASuccessfully assigned \S+ to (\S+)\Z")
_GRACE_UNCERTAINTY_S = 2.0


@dataclass(frozen=True)
class _Meaning:
    """What a reason says: kind, class of reason, and how far the event may lie from the fact."""

    kind: EventKind
    reason: str | None = None
    uncertainty_s: float = _GRACE_UNCERTAINTY_S


_OF_PODS = {
    "Killing": _Meaning(EventKind.POD_DELETION_REQUESTED, "deleted"),
    "Evicted": _Meaning(EventKind.POD_DELETION_REQUESTED, "evicted"),
    "Preempted": _Meaning(EventKind.POD_DELETION_REQUESTED, "evicted"),
    "TaintManagerEviction": _Meaning(EventKind.POD_DELETION_REQUESTED, "evicted"),
    "NodeShutdown": _Meaning(EventKind.POD_DELETION_REQUESTED, "evicted"),
    "ScaleDown": _Meaning(EventKind.POD_DELETION_REQUESTED, "evicted"),
    "Scheduled": _Meaning(EventKind.POD_SCHEDULED),
    "Unhealthy": _Meaning(EventKind.PROBE_FAILED),
    "BackOff": _Meaning(EventKind.CONTAINER_CRASHED, "BackOff", 15.0),
    "OOMKilling": _Meaning(EventKind.CONTAINER_CRASHED, "OOMKilled"),
    "TriggeredScaleUp": _Meaning(EventKind.SCALING_DECIDED, "scale_out"),
}
_OF_NODES = {
    "NodeReady": _Meaning(EventKind.NODE_BECAME_READY),
    "NodeNotReady": _Meaning(EventKind.NODE_BECAME_UNREADY, None, 40.0),
    "RegisteredNode": _Meaning(EventKind.NODE_JOINED, None, 10.0),
    "RemovingNode": _Meaning(EventKind.NODE_LEFT, None, 60.0),
    "DeletingNode": _Meaning(EventKind.NODE_LEFT, None, 60.0),
    "NodeNotSchedulable": _Meaning(EventKind.NODE_CORDONED),
    "Shutdown": _Meaning(EventKind.NODE_CORDONED, "shutdown"),
    "Rebooted": _Meaning(EventKind.INSTANCE_IMPAIRED, "rebooted"),
    "SystemOOM": _Meaning(EventKind.INSTANCE_IMPAIRED, "SystemOOM"),
    "OOMKilling": _Meaning(EventKind.INSTANCE_IMPAIRED, "SystemOOM"),
    "KernelDeadlock": _Meaning(EventKind.INSTANCE_IMPAIRED, "KernelDeadlock"),
    "ScaleDown": _Meaning(EventKind.SCALING_DECIDED, "scale_in"),
    "DisruptionTerminating": _Meaning(EventKind.SCALING_DECIDED, "scale_in"),
    "DisruptionLaunching": _Meaning(EventKind.SCALING_DECIDED, "scale_out"),
    "SpotInterrupted": _Meaning(EventKind.SPOT_INTERRUPTED, "spot"),
    "InstanceTerminating": _Meaning(EventKind.TERMINATION_STARTED, "terminated"),
}
_OF_ANYTHING = {
    "ScaleDown": _Meaning(EventKind.SCALING_DECIDED, "scale_in"),
    "ScaleDownEmpty": _Meaning(EventKind.SCALING_DECIDED, "scale_in"),
    "ScaledUpGroup": _Meaning(EventKind.SCALING_DECIDED, "scale_out"),
    "SuccessfulRescale": _Meaning(EventKind.SCALING_DECIDED, "rescale"),
}
_RESTART = "will be restarted"


def is_event(value: Mapping[str, Any]) -> bool:
    """Whether an object looks like a Kubernetes event, also where an exporter left the kind out."""
    about = value.get("involvedObject") or value.get("regarding")
    return isinstance(about, Mapping) and isinstance(value.get("reason"), str)


def parse_event(record: Record, findings: Findings) -> list[datetime]:
    """Add what one event says and return its instants, first to last, for the coverage."""
    instants = _instants(record, findings)
    if not instants:
        findings.problem(record.ref, "an Event without any instant")
        return []
    about = mapping(record.value.get("involvedObject")) or mapping(record.value.get("regarding"))
    meaning = _meaning(record, about)
    if meaning:
        for at in sorted(set(instants)):
            _add(record, findings, about, meaning, at)
    return instants


def _instants(record: Record, findings: Findings) -> list[datetime]:
    """Instant of an event, or first and last one when it was counted more than once."""
    value = record.value
    series = mapping(value.get("series"))
    first_named = [value.get("firstTimestamp"), value.get("deprecatedFirstTimestamp"), value.get("eventTime")]
    last_named = [
        series.get("lastObservedTime"),
        value.get("lastTimestamp"),
        value.get("deprecatedLastTimestamp"),
        value.get("eventTime"),
        value.get("firstTimestamp"),
        metadata(record).get("creationTimestamp"),
    ]
    counts = (value.get("count"), value.get("deprecatedCount"), series.get("count"))
    last = _first_readable(record, findings, last_named)
    first = _first_readable(record, findings, first_named)
    if last and first and first < last and max((number(count) or 1) for count in counts) > 1:
        return [first, last]
    return [last] if last else []


def _first_readable(record: Record, findings: Findings, values: list[object]) -> datetime | None:
    return next(filter(None, (moment(record, findings, value) for value in values)), None)


def _meaning(record: Record, about: Mapping[str, Any]) -> _Meaning | None:
    """What the event says. Reasons that say nothing about lives are passed over unless they warn."""
    reason, kind = str(record.value.get("reason")), about.get("kind")
    message = _message(record)
    if kind == "Pod" and reason == "Killing" and _RESTART in message:
        return _Meaning(EventKind.CONTAINER_CRASHED, "killed")
    if kind == "Pod" and reason == "BackOff" and "restarting" not in message:
        return None
    table = {"Pod": _OF_PODS, "Node": _OF_NODES, "NodeClaim": _OF_NODES}.get(str(kind), _OF_ANYTHING)
    warns = record.value.get("type") == "Warning" and kind in {"Pod", "Node"}
    return table.get(reason) or (_Meaning(EventKind.OTHER, reason) if warns else None)


def _add(
    record: Record, findings: Findings, about: Mapping[str, Any], meaning: _Meaning, at: datetime
) -> None:
    reason = str(record.value.get("reason"))
    subject = text(about.get("uid")) or f"{about.get('kind')}/{about.get('namespace')}/{about.get('name')}"
    findings.event(
        meaning.kind,
        at,
        source=SOURCE,
        own_id=f"{subject}|{reason}|{at.isoformat()}|{text(about.get('fieldPath')) or ''}",
        source_ref=record.ref,
        uncertainty_s=meaning.uncertainty_s,
        reason=meaning.reason,
        detail=f"{reason}: {_message(record)}",
        **_subject(record, about),
    )


def _subject(record: Record, about: Mapping[str, Any]) -> dict[str, str | None]:
    """Columns that name the pod or node an event is about."""
    name = text(about.get("name"))
    if about.get("kind") == "Node":
        return {"node_name": name}
    if about.get("kind") != "Pod" or name is None:
        return {}
    assigned = _NODE_OF_ASSIGNMENT.match(_message(record))
    source = mapping(record.value.get("source")) or mapping(record.value.get("deprecatedSource"))
    return {
        "pod_name": f"{text(about.get('namespace')) or 'default'}/{name}",
        "pod_uid": text(about.get("uid")),
        "node_name": assigned[1] if assigned else text(source.get("host")),
    }


def _message(record: Record) -> str:
    return text(record.value.get("message")) or text(record.value.get("note")) or ""
