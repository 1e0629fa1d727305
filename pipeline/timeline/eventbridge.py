"""EventBridge events that a rule wrote to files, one JSON object a line.

Takes instance state changes, spot warnings, rebalance recommendations, Auto Scaling launches,
terminations and lifecycle actions, and API calls (which are CloudTrail records). Other events are passed
over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.model import EventKind
from pipeline.timeline.activities import add_activity
from pipeline.timeline.base import Document, Findings
from pipeline.timeline.cloudtrail import add_record
from pipeline.timeline.shapes import Record, instant, mapping, text

NAME = "eventbridge"

_STATES = {
    "pending": (EventKind.INSTANCE_LAUNCHED, None),
    "stopping": (EventKind.INSTANCE_STOPPED, None),
    "shutting-down": (EventKind.INSTANCE_TERMINATED, None),
    "terminated": (EventKind.NODE_LEFT, None),
}


@dataclass(frozen=True)
class Notice:
    """One event: ``type`` is its detail-type, ``at`` its time (UTC), ``detail`` what it says."""

    own_id: str
    type: str
    at: datetime
    detail: Record
    ref: str


def reads(document: Document) -> bool:
    """Whether the document is an EventBridge event."""
    return "detail-type" in document.value and "detail" in document.value


def parse(document: Document, findings: Findings) -> None:
    """Add the event, and its instant to coverage ``eventbridge``."""
    value, ref = document.value, document.ref
    at, kind = instant(value, "time", ref, findings), text(value, "detail-type")
    if at is None or kind is None:
        findings.problem(ref, "EventBridge event without time or detail-type")
        return
    own_id = text(value, "id") or f"{kind}|{at.isoformat()}|{mapping(value, 'detail')}"
    handler = _HANDLERS.get(kind)
    if handler is not None:
        handler(Notice(own_id, kind, at, mapping(value, "detail"), ref), findings)
    findings.covered(NAME, at, at, ref)


def _add(notice: Notice, findings: Findings, kind: EventKind, **columns: Any) -> None:  # noqa: ANN401 - any column of EVENTS
    detail = notice.detail
    instance_id = text(detail, "instance-id") or text(detail, "EC2InstanceId")
    asg_name = text(detail, "AutoScalingGroupName")
    if instance_id is None:
        findings.problem(notice.ref, f"{notice.type} names no instance")
        return
    findings.event(
        kind,
        notice.at,
        source=NAME,
        own_id=notice.own_id,
        source_ref=notice.ref,
        instance_id=instance_id,
        asg_name=asg_name,
        node_group=asg_name,
        detail=" ".join(
            w for w in (notice.type, text(detail, "state"), text(detail, "instance-action")) if w
        ),
        **columns,
    )


def _state_changed(notice: Notice, findings: Findings) -> None:
    kind, reason = _STATES.get(text(notice.detail, "state") or "", (None, None))
    if kind is not None:
        _add(notice, findings, kind, reason=reason)


def _spot_warned(notice: Notice, findings: Findings) -> None:
    """Two minutes before EC2 takes the instance back."""
    _add(notice, findings, EventKind.SPOT_INTERRUPTED, reason="spot")


def _rebalance(notice: Notice, findings: Findings) -> None:
    _add(notice, findings, EventKind.OTHER, reason="rebalance")


def _terminating(notice: Notice, findings: Findings) -> None:
    """A hook holds the instance: what drains, drains now."""
    _add(notice, findings, EventKind.TERMINATION_STARTED, is_graceful=True)


def _activity(notice: Notice, findings: Findings) -> None:
    """The detail is a scaling activity: the same one in a listing is the same event."""
    add_activity(notice.detail, notice.ref, findings)


def _api_call(notice: Notice, findings: Findings) -> None:
    add_record(notice.detail, notice.ref, findings)


_HANDLERS: dict[str, Callable[[Notice, Findings], None]] = {
    "EC2 Instance State-change Notification": _state_changed,
    "EC2 Spot Instance Interruption Warning": _spot_warned,
    "EC2 Instance Rebalance Recommendation": _rebalance,
    "EC2 Instance-terminate Lifecycle Action": _terminating,
    "EC2 Instance Launch Successful": _activity,
    "EC2 Instance Launch Unsuccessful": _activity,
    "EC2 Instance Terminate Successful": _activity,
    "EC2 Instance Terminate Unsuccessful": _activity,
    "AWS API Call via CloudTrail": _api_call,
    "AWS Service Event via CloudTrail": _api_call,
}
