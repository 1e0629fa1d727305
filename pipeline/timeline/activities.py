"""One Auto Scaling activity: an instance launched or terminated, with start, end and reason."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.model import EventKind
from pipeline.timeline.activity_causes import cause_class, decisions, reason
from pipeline.timeline.base import Findings
from pipeline.timeline.names import group_name
from pipeline.timeline.shapes import Record, instant, text

SOURCE = "autoscaling"

_INSTANCE = re.compile(r"\b(i-[0-9a-f]{8,17})\b")
_UNSERVED = frozenset({"Failed", "Cancelled"})
_LOST = frozenset({"ec2_gone", "ec2_unhealthy"})
_DRAINING = frozenset(
    {"WaitingForELBConnectionDraining", "WaitingForConnectionDraining", "MidLifecycleAction"}
)
_MOVES = (
    (re.compile(r"(?:out of standby|attaching)", re.IGNORECASE), EventKind.TARGET_REGISTERED, "attached"),
    (re.compile(r"standby", re.IGNORECASE), EventKind.TARGET_DEREGISTERED, "standby"),
    (re.compile(r"detaching", re.IGNORECASE), EventKind.TARGET_DEREGISTERED, "detached"),
)


@dataclass(frozen=True)
class Activity:
    """The fields of an activity that are used, typed.

    Attributes:
        own_id: ActivityId.
        instance_id: taken from the description: a cause lists every instance of the decision.
        started_at: decision, UTC.
        ended_at: done, UTC; None while it runs.
    """

    own_id: str
    asg_name: str | None
    instance_id: str | None
    description: str
    cause: str
    status: str
    message: str
    started_at: datetime
    ended_at: datetime | None
    ref: str

    @property
    def detail(self) -> str:
        """Class of the cause, then the source's own words."""
        words = " ".join(word for word in (self.description, self.message, self.cause) if word)
        return f"{cause_class(self.cause)}: {words}"


def add_activity(record: Record, ref: str, findings: Findings) -> Activity | None:
    """Add the events of one activity; None when it cannot be used (then reported).

    A launch gives INSTANCE_LAUNCHED at its start and NODE_JOINED at its end (in service, hooks done);
    one that failed or was cancelled never served and is OTHER. A termination gives TERMINATION_STARTED
    at its start and NODE_LEFT at its end, uncertain by the whole span: the kill lies somewhere in it.
    Moves into and out of standby are registrations. Sentences that change the desired capacity are
    SCALING_DECIDED.
    """
    activity = _read(record, ref, findings)
    if activity is None:
        return None
    _add_decisions(activity, findings)
    _add_zone(record, activity, findings)
    _add_group(record, activity, findings)
    if activity.description.startswith("Launching"):
        _add_launch(activity, findings)
    elif activity.description.startswith("Terminating"):
        _add_termination(activity, findings)
    else:
        _add_move(activity, findings)
    return activity


def _read(record: Record, ref: str, findings: Findings) -> Activity | None:
    started_at = instant(record, "StartTime", ref, findings)
    own_id = text(record, "ActivityId")
    if started_at is None or own_id is None:
        findings.problem(ref, "activity without StartTime or ActivityId")
        return None
    description = text(record, "Description") or ""
    found = _INSTANCE.search(description)
    return Activity(
        own_id=own_id,
        asg_name=text(record, "AutoScalingGroupName"),
        instance_id=found[1] if found else text(record, "EC2InstanceId"),
        description=description,
        cause=text(record, "Cause") or "",
        status=text(record, "StatusCode") or "",
        message=text(record, "StatusMessage") or "",
        started_at=started_at,
        ended_at=instant(record, "EndTime", ref, findings),
        ref=ref,
    )


def _add_zone(record: Record, activity: Activity, findings: Findings) -> None:
    """The zone stands in ``Details``, JSON in a string: long after the instance is gone, it is told here."""
    try:
        details = json.loads(text(record, "Details") or "{}")
    except ValueError:
        return
    zone = text(details, "Availability Zone") if isinstance(details, dict) else None
    if zone is not None and activity.instance_id is not None:
        findings.setting(f"instance/{activity.instance_id}", "availability_zone", zone, source=SOURCE)


def _add_group(record: Record, activity: Activity, findings: Findings) -> None:
    """Which of several groups of its name the instance is of: long after it is gone, it is told here."""
    arn = text(record, "AutoScalingGroupARN")
    if arn is not None and activity.instance_id is not None and group_name(arn) is not None:
        findings.setting(f"instance/{activity.instance_id}", "asg_arn", arn, source=SOURCE)


def _add_launch(activity: Activity, findings: Findings) -> None:
    why = reason(activity.cause, is_launch=True)
    if activity.instance_id is None or activity.status in _UNSERVED:
        _add(activity, findings, EventKind.OTHER, activity.started_at, reason="launch_failed")
        return
    if "into warm pool" in activity.description:
        _add(activity, findings, EventKind.OTHER, activity.started_at, reason="warm_pool")
        return
    if "from warm pool" not in activity.description:
        _add(activity, findings, EventKind.INSTANCE_LAUNCHED, activity.started_at, reason=why)
    if activity.ended_at is not None:
        _add(activity, findings, EventKind.NODE_JOINED, activity.ended_at, reason=why)


def _add_termination(activity: Activity, findings: Findings) -> None:
    if activity.instance_id is None or activity.status in _UNSERVED:
        _add(activity, findings, EventKind.OTHER, activity.started_at, reason="termination_failed")
        return
    columns = {"reason": reason(activity.cause, is_launch=False), "is_graceful": _is_graceful(activity)}
    _add(activity, findings, EventKind.TERMINATION_STARTED, activity.started_at, **columns)
    if activity.ended_at is not None:
        took_s = abs((activity.ended_at - activity.started_at).total_seconds())
        _add(
            activity,
            findings,
            EventKind.NODE_LEFT,
            activity.ended_at,
            uncertainty_s=max(1.0, took_s),
            **columns,
        )


def _is_graceful(activity: Activity) -> bool | None:
    """True when seen draining or held by a hook; False when EC2 had already lost it; else unknown."""
    if activity.status in _DRAINING or "Connection Draining" in activity.description:
        return True
    return False if cause_class(activity.cause) in _LOST else None


def _add_move(activity: Activity, findings: Findings) -> None:
    move = next(((kind, why) for pattern, kind, why in _MOVES if pattern.search(activity.description)), None)
    kind, why = move or (EventKind.OTHER, "other")
    if activity.status in _UNSERVED:
        kind, why = EventKind.OTHER, f"{why}_failed"
    at = activity.ended_at if kind is EventKind.TARGET_REGISTERED else activity.started_at
    _add(activity, findings, kind, at or activity.started_at, reason=why)


def _add(activity: Activity, findings: Findings, kind: EventKind, at: datetime, **columns: Any) -> None:  # noqa: ANN401 - any column of EVENTS
    findings.event(
        kind,
        at,
        source=SOURCE,
        own_id=activity.own_id,
        source_ref=activity.ref,
        instance_id=activity.instance_id,
        asg_name=activity.asg_name,
        node_group=activity.asg_name,
        detail=activity.detail,
        **columns,
    )


def _add_decisions(activity: Activity, findings: Findings) -> None:
    """The same decision stands in the cause of every activity that it led to: its identity makes it one."""
    for decision in decisions(activity.cause):
        findings.event(
            EventKind.SCALING_DECIDED,
            decision.decided_at,
            source=SOURCE,
            own_id=f"{activity.asg_name}|{decision.decided_at.isoformat()}|{decision.before}|{decision.after}",
            source_ref=activity.ref,
            asg_name=activity.asg_name,
            node_group=activity.asg_name,
            reason=reason(activity.cause, is_launch=decision.after > decision.before),
            detail=decision.sentence,
        )
