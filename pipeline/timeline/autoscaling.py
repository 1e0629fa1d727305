"""Auto Scaling: activities (who came and went, and why), groups, hooks, refreshes, warm pools.

Reads ``describe-scaling-activities``, ``describe-auto-scaling-groups``, ``describe-auto-scaling-instances``,
``describe-lifecycle-hooks``, ``describe-instance-refreshes`` and ``describe-warm-pool``.
"""

from datetime import datetime

from pipeline.model import EventKind
from pipeline.timeline.activities import SOURCE, add_activity
from pipeline.timeline.autoscaling_fetch import REACH, fetch
from pipeline.timeline.base import Document, Findings
from pipeline.timeline.names import group_resource, named_resource, node_group_of
from pipeline.timeline.shapes import Record, instant, objects, records, tags, text, texts

__all__ = ["NAME", "fetch", "parse", "reads"]

NAME = SOURCE

_INSTANCE = "instance/{}"


def reads(document: Document) -> bool:
    """Whether the document is one of the dumps above."""
    return any(key in document.value for key in _PARSERS)


def parse(document: Document, findings: Findings) -> None:
    """Add events, coverage ``scaling_activities`` and settings of groups and their instances."""
    for key, parser in _PARSERS.items():
        if key in document.value:
            parser(document, findings)


def _activities(document: Document, findings: Findings) -> None:
    seen = [
        activity
        for ref, record in records(document, "Activities", findings)
        if (activity := add_activity(record, ref, findings)) is not None
    ]
    starts = [activity.started_at for activity in seen]
    ends = [activity.ended_at or activity.started_at for activity in seen]
    if isinstance(document.value.get("Activities"), list):
        _cover(document, starts, ends, findings)


def _cover(document: Document, starts: list[datetime], ends: list[datetime], findings: Findings) -> None:
    """The span that the listing proves observed.

    It was read after its newest record, before the file was written, and less than six weeks after its oldest
    record: so a file time that a copy has moved far away cannot widen the span without bound. A page that
    announces another one reaches back to its oldest activity only.
    """
    read_at = min(document.read_at, min(starts) + REACH) if starts else document.read_at
    since = read_at - REACH
    if starts:
        since = min(starts) if document.value.get("NextToken") else min(since, *starts)
    findings.covered("scaling_activities", since, max(read_at, *ends) if ends else read_at, document.ref)


def _groups(document: Document, findings: Findings) -> None:
    for ref, group in records(document, "AutoScalingGroups", findings):
        name = text(group, "AutoScalingGroupName")
        if name is None:
            findings.problem(ref, "group without AutoScalingGroupName")
            continue
        resource = group_resource(text(group, "AutoScalingGroupARN"), name)
        for setting, value in _group_settings(group).items():
            if value is not None:
                _setting(document, findings, resource, setting, value)
        for instance in objects(group, "Instances"):
            _instance(document, findings, instance, name, resource)


def _group_settings(group: Record) -> dict[str, str | None]:
    sources = (source for source in objects(group, "TrafficSources") if text(source, "Type") == "elbv2")
    targets = {*texts(group, "TargetGroupARNs"), *(text(source, "Identifier") or "" for source in sources)}
    return {
        "name": text(group, "AutoScalingGroupName"),
        "target_group_arns": ",".join(sorted(targets - {""})),
        "node_group": node_group_of(tags(objects(group, "Tags"))),
        "min_size": text(group, "MinSize"),
        "max_size": text(group, "MaxSize"),
        "desired_capacity": text(group, "DesiredCapacity"),
        "health_check_type": text(group, "HealthCheckType"),
        "health_check_grace_period_seconds": text(group, "HealthCheckGracePeriod"),
        "capacity_rebalance": text(group, "CapacityRebalance"),
    }


def _instances(document: Document, findings: Findings) -> None:
    for _, instance in records(document, "AutoScalingInstances", findings):
        _instance(document, findings, instance, text(instance, "AutoScalingGroupName"))


def _warm_pool(document: Document, findings: Findings) -> None:
    for instance in objects(document.value, "Instances"):
        _instance(document, findings, instance, named_resource(document, "warm-pool"))


def _instance(
    document: Document,
    findings: Findings,
    instance: Record,
    asg_name: str | None,
    group: str | None = None,
) -> None:
    """A listed instance has no time: it tells which group it belongs to, and makes no event."""
    instance_id = text(instance, "InstanceId")
    if instance_id is None:
        return
    values = {
        "asg_name": asg_name,
        "asg_arn": group if group and group.startswith("arn:") else None,
        "availability_zone": text(instance, "AvailabilityZone"),
        "lifecycle_state": text(instance, "LifecycleState"),
        "health_status": (text(instance, "HealthStatus") or "").capitalize() or None,  # one API shouts
    }
    for setting, value in values.items():
        if value is not None:
            _setting(document, findings, _INSTANCE.format(instance_id), setting, value)


def _hooks(document: Document, findings: Findings) -> None:
    """Hooks by group; a listing without one says ``none``, which is advice waiting to be given."""
    named = named_resource(document, "lifecycle-hooks")
    found: dict[str, list[Record]] = (
        {named or "*": []} if named or not document.value["LifecycleHooks"] else {}
    )
    for _, hook in records(document, "LifecycleHooks", findings):
        found.setdefault(text(hook, "AutoScalingGroupName") or named or "*", []).append(hook)
    for group, hooks in found.items():
        for transition in ("TERMINATING", "LAUNCHING"):
            _hook_settings(document, findings, group_resource(None, group), transition, hooks)


def _hook_settings(
    document: Document, findings: Findings, resource: str, transition: str, hooks: list[Record]
) -> None:
    own = [hook for hook in hooks if (text(hook, "LifecycleTransition") or "").endswith(transition)]
    names = sorted(text(hook, "LifecycleHookName") or "unnamed" for hook in own)
    prefix = f"lifecycle_hooks.{transition.lower()}"
    _setting(document, findings, resource, prefix, ",".join(names) or "none")
    longest = max(
        (int(t) for hook in own if (t := text(hook, "HeartbeatTimeout") or "").isdecimal()), default=None
    )
    if longest is not None:
        _setting(document, findings, resource, f"{prefix}.heartbeat_timeout_seconds", str(longest))
    results = sorted({result for hook in own if (result := text(hook, "DefaultResult"))})
    if results:
        _setting(document, findings, resource, f"{prefix}.default_result", ",".join(results))


def _refreshes(document: Document, findings: Findings) -> None:
    for ref, refresh in records(document, "InstanceRefreshes", findings):
        name, asg_name = text(refresh, "InstanceRefreshId"), text(refresh, "AutoScalingGroupName")
        status = text(refresh, "Status") or "unknown"
        words = " ".join(w for w in (status, text(refresh, "StatusReason")) if w)
        for key, kind in (("StartTime", EventKind.SCALING_DECIDED), ("EndTime", EventKind.OTHER)):
            at = instant(refresh, key, ref, findings)
            if at is not None:
                findings.event(
                    kind,
                    at,
                    source=SOURCE,
                    own_id=f"refresh|{asg_name}|{name}|{at.isoformat()}",
                    source_ref=ref,
                    asg_name=asg_name,
                    node_group=asg_name,
                    reason="refresh",
                    detail=f"instance refresh {name}: {words}"
                    if key == "EndTime"
                    else f"instance refresh {name}",
                )


def _setting(document: Document, findings: Findings, resource: str, setting: str, value: str) -> None:
    findings.setting(resource, setting, value, source=SOURCE, read_at=document.read_at)


_PARSERS = {
    "Activities": _activities,
    "AutoScalingGroups": _groups,
    "AutoScalingInstances": _instances,
    "LifecycleHooks": _hooks,
    "InstanceRefreshes": _refreshes,
    "WarmPoolConfiguration": _warm_pool,
}
