"""What each API call in a CloudTrail record means for the timeline."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.model import EventKind
from pipeline.timeline.base import Findings
from pipeline.timeline.cloudtrail_interfaces import INTERFACE_CALLS, attached_at_launch
from pipeline.timeline.cloudtrail_network import (
    NETWORK_CALLS,
    ROUTING_CALLS,
    network_changed,
    routing_changed,
)
from pipeline.timeline.names import ASG_TAG, node_group_of
from pipeline.timeline.shapes import (
    INSTANCE_ID,
    Record,
    address,
    every_text,
    instant,
    nested,
    objects,
    port,
    tags,
    text,
)

NAME = "cloudtrail"


@dataclass(frozen=True)
class Call:
    """One successful call.

    Attributes:
        own_id: eventID.
        name: eventName.
        at: eventTime, UTC, to the second.
        asked: requestParameters, empty when null.
        answered: responseElements, empty when null.
        told: serviceEventDetails, empty when null.
        actor: the service or role that called.
        ref: file and record.
    """

    own_id: str
    name: str
    at: datetime
    asked: Record
    answered: Record
    told: Record
    actor: str
    ref: str


Handler = Callable[[Call, Findings], None]


def _add(
    call: Call,
    findings: Findings,
    kind: EventKind,
    subject: str | None,
    *,
    words: str = "",
    at: datetime | None = None,
    **columns: Any,  # noqa: ANN401 - any column of EVENTS
) -> None:
    """One event about a subject: a record with several subjects gives several."""
    findings.event(
        kind,
        at or call.at,
        source=NAME,
        own_id=f"{call.own_id}|{subject}",
        source_ref=call.ref,
        detail=" ".join(word for word in (call.name, words, f"by {call.actor}") if word),
        **columns,
    )


def _instance_ids(value: object) -> list[str]:
    """Every instance id within a value, however it is wrapped, each once."""
    return sorted({one for words in every_text(value) for one in INSTANCE_ID.findall(words)})


def _run_instances(call: Call, findings: Findings) -> None:
    """Launches with address and group: the only source that keeps them after the instance is gone."""
    for item in objects(call.answered, "instancesSet", "items"):
        instance_id = text(item, "instanceId")
        if instance_id is None:
            findings.problem(call.ref, "launched instance without instanceId")
            continue
        columns = {"instance_id": instance_id, "vpc_id": text(item, "vpcId"), **_groups(call, item)}
        held = _held(call, item, instance_id, findings) or {None: call.at}
        for ip, since in held.items():
            kind = EventKind.INSTANCE_LAUNCHED
            _add(call, findings, kind, f"{instance_id}|{ip}", at=since, private_ip=ip, **columns)


def _groups(call: Call, item: Record) -> dict[str, Any]:
    asked = [
        tag for spec in objects(call.asked, "tagSpecificationSet", "items") for tag in objects(spec, "tags")
    ]
    labels = {**tags(asked), **tags(objects(item, "tagSet", "items"))}
    asg_name = labels.get(ASG_TAG)
    return {"asg_name": asg_name, "node_group": node_group_of(labels) or asg_name}


def _held(call: Call, item: Record, instance_id: str, findings: Findings) -> dict[str | None, datetime]:
    """Addresses of a launched instance and since when it holds them."""
    held: dict[str | None, datetime] = {}
    for interface in objects(item, "networkInterfaceSet", "items"):
        attachment = nested(interface, "attachment")
        attached = attachment if isinstance(attachment, dict) else {}
        since = instant(attached, "attachTime", call.ref, findings) or call.at
        attached_at_launch(interface, instance_id, since, findings)
        listed = objects(interface, "privateIpAddressesSet", "item")
        listed += objects(interface, "privateIpAddressesSet", "items")
        values = [interface.get("privateIpAddress"), *(entry.get("privateIpAddress") for entry in listed)]
        held.update({ip: since for value in values if (ip := address(value)) is not None})
    primary = address(item.get("privateIpAddress"))
    if primary is not None:
        held.setdefault(primary, call.at)
    return held


def _create_fleet(call: Call, findings: Findings) -> None:
    """Instances of a fleet; their addresses stand in the RunInstances record beside it, if there is one."""
    for instance_id in _instance_ids(call.answered):
        _add(call, findings, EventKind.INSTANCE_LAUNCHED, instance_id, instance_id=instance_id)


def _for_instances(kind: EventKind, reason: str | None = None, *, is_graceful: bool | None = None) -> Handler:
    """A call that does the same to every instance named in its request."""

    def handle(call: Call, findings: Findings) -> None:
        asg_name = text(call.asked, "autoScalingGroupName")
        for instance_id in _instance_ids([call.asked, call.told]):
            _add(
                call,
                findings,
                kind,
                instance_id,
                instance_id=instance_id,
                asg_name=asg_name,
                node_group=asg_name,
                reason=reason,
                is_graceful=is_graceful,
            )

    return handle


def _spot_evicted(call: Call, findings: Findings) -> None:
    """EC2 took the instances back: the interruption and the loss are the same instant."""
    _for_instances(EventKind.SPOT_INTERRUPTED, "spot")(call, findings)
    _for_instances(EventKind.INSTANCE_TERMINATED, "spot", is_graceful=False)(call, findings)


def _for_targets(kind: EventKind) -> Handler:
    """Register or deregister: one event per target; an address may be a node's or a pod's."""

    def handle(call: Call, findings: Findings) -> None:
        arn = text(call.asked, "targetGroupArn")
        for target in _targets(call):
            name = text(target, "id")
            if name is None:
                findings.problem(call.ref, "target without id")
                continue
            _add(
                call,
                findings,
                kind,
                f"{arn}|{name}|{text(target, 'port')}",
                words=name,
                instance_id=name if INSTANCE_ID.fullmatch(name) else None,
                private_ip=address(name),
                target_group_arn=arn,
                target_port=port(target, "port"),
            )

    return handle


def _targets(call: Call) -> list[Record]:
    return objects(call.asked, "targets") or objects(call.asked, "targets", "items")


def _attributes_modified(call: Call, findings: Findings) -> None:
    changes = {
        key: value
        for entry in objects(call.asked, "attributes")
        if (key := text(entry, "key")) and (value := text(entry, "value")) is not None
    }
    _change(call, findings, changes)


_TARGET_GROUP_PARAMETERS = {
    "healthCheckEnabled": "health_check.enabled",
    "healthCheckProtocol": "health_check.protocol",
    "healthCheckPort": "health_check.port",
    "healthCheckPath": "health_check.path",
    "healthCheckIntervalSeconds": "health_check.interval_seconds",
    "healthCheckTimeoutSeconds": "health_check.timeout_seconds",
    "healthyThresholdCount": "health_check.healthy_threshold",
    "unhealthyThresholdCount": "health_check.unhealthy_threshold",
}


def _target_group_modified(call: Call, findings: Findings) -> None:
    named = {setting: text(call.asked, key) for key, setting in _TARGET_GROUP_PARAMETERS.items()}
    _change(call, findings, {setting: value for setting, value in named.items() if value is not None})


def _change(call: Call, findings: Findings, changes: dict[str, str]) -> None:
    """Each changed setting, as an event and as a value that is in force from then on."""
    group = text(call.asked, "targetGroupArn")
    resource = group or text(call.asked, "loadBalancerArn")
    if resource is None:
        findings.problem(call.ref, f"{call.name} names no resource")
        return
    for setting, value in sorted(changes.items()):
        findings.setting(resource, setting, value, source=NAME, valid_from=call.at)
        words = f"{resource} {setting} = {value}"
        kind = EventKind.SETTING_CHANGED
        _add(
            call, findings, kind, f"{resource}|{setting}", words=words, target_group_arn=group, reason=setting
        )


def _scaling(reason: str | None = None) -> Handler:
    """A decision about a group as a whole; alarm policies leave no such record."""

    def handle(call: Call, findings: Findings) -> None:
        asg_name = text(call.asked, "autoScalingGroupName")
        kept = ("desiredCapacity", "minSize", "maxSize", "policyName", "nodegroupName", "clusterName")
        words = [f"{key}={value}" for key in kept if (value := text(call.asked, key)) is not None]
        _add(
            call,
            findings,
            EventKind.SCALING_DECIDED,
            asg_name,
            words=" ".join(words),
            reason=reason,
            asg_name=asg_name,
            node_group=asg_name or text(call.asked, "nodegroupName"),
        )

    return handle


def _lifecycle_action(call: Call, findings: Findings) -> None:
    asg_name, instance_id = text(call.asked, "autoScalingGroupName"), text(call.asked, "instanceId")
    words = f"{text(call.asked, 'lifecycleHookName')} {text(call.asked, 'lifecycleActionResult')}"
    _add(
        call,
        findings,
        EventKind.OTHER,
        instance_id,
        words=words,
        instance_id=instance_id,
        asg_name=asg_name,
        node_group=asg_name,
        reason="lifecycle_action_completed",
    )


def _instance_health(call: Call, findings: Findings) -> None:
    instance_id, status = text(call.asked, "instanceId"), text(call.asked, "healthStatus")
    is_bad = status == "Unhealthy"
    kind = EventKind.INSTANCE_IMPAIRED if is_bad else EventKind.OTHER
    reason = "unhealthy" if is_bad else "instance_health_set"
    _add(call, findings, kind, instance_id, words=status or "", instance_id=instance_id, reason=reason)


SETTING_CALLS: dict[str, Handler] = {
    "ModifyLoadBalancerAttributes": _attributes_modified,
    "ModifyTargetGroupAttributes": _attributes_modified,
    "ModifyTargetGroup": _target_group_modified,
}
"""Calls that change a setting: the last one before an instant tells what holds then."""

CALLS: dict[str, Handler] = {
    "RunInstances": _run_instances,
    "CreateFleet": _create_fleet,
    "StartInstances": _for_instances(EventKind.INSTANCE_LAUNCHED, "restarted"),
    "TerminateInstances": _for_instances(EventKind.INSTANCE_TERMINATED),
    "StopInstances": _for_instances(EventKind.INSTANCE_STOPPED),
    "RebootInstances": _for_instances(EventKind.OTHER, "reboot"),
    "BidEvictedEvent": _spot_evicted,
    "TerminateInstanceInAutoScalingGroup": _for_instances(EventKind.TERMINATION_STARTED, "user_request"),
    "EnterStandby": _for_instances(EventKind.TARGET_DEREGISTERED, "standby"),
    "ExitStandby": _for_instances(EventKind.TARGET_REGISTERED, "standby"),
    "DetachInstances": _for_instances(EventKind.TARGET_DEREGISTERED, "detached"),
    "AttachInstances": _for_instances(EventKind.TARGET_REGISTERED, "attached"),
    "RegisterTargets": _for_targets(EventKind.TARGET_REGISTERED),
    "DeregisterTargets": _for_targets(EventKind.TARGET_DEREGISTERED),
    **SETTING_CALLS,
    "CompleteLifecycleAction": _lifecycle_action,
    "SetInstanceHealth": _instance_health,
    "SetDesiredCapacity": _scaling("user_request"),
    "UpdateAutoScalingGroup": _scaling("user_request"),
    "StartInstanceRefresh": _scaling("refresh"),
    "ExecutePolicy": _scaling("user_request"),
    "UpdateNodegroupVersion": _scaling("refresh"),
    "UpdateNodegroupConfig": _scaling("user_request"),
    "DeleteNodegroup": _scaling("user_request"),
    **dict.fromkeys(NETWORK_CALLS, network_changed),
    **dict.fromkeys(ROUTING_CALLS, routing_changed),
    **INTERFACE_CALLS,
}
"""Calls that matter, by eventName; all others are passed over."""
