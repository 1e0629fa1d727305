"""EC2: which instance held which address since when, and how it ended.

Reads ``describe-instances``, ``describe-network-interfaces``, ``describe-instance-status`` and
``describe-spot-instance-requests``. All of them show the present only: an address is known from its
attachment on; a terminated instance is shown for about an hour, without its addresses.
"""

import re
from datetime import datetime, timedelta
from typing import Any

from pipeline.model import EventKind
from pipeline.timeline.base import Document, Findings
from pipeline.timeline.ec2_fetch import fetch
from pipeline.timeline.names import ASG_TAG, node_group_of
from pipeline.timeline.shapes import Record, address, instant, mapping, objects, records, tags, text

__all__ = ["NAME", "fetch", "parse", "reads"]

NAME = "ec2"

ATTACHED_TO = "attached_to"
"""Setting of a network interface: the instance that it hangs on."""
PREFIXES = "ipv4_prefixes.{}"
"""Setting of an instance: the prefixes of one of its interfaces."""

_WHEN = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:GMT|UTC))\)")
_RESTART = timedelta(minutes=1)
"""A launch this long after the primary interface was attached is a start of a stopped instance."""

_GONE = {
    "shutting-down": EventKind.INSTANCE_TERMINATED,
    "terminated": EventKind.INSTANCE_TERMINATED,
    "stopping": EventKind.INSTANCE_STOPPED,
    "stopped": EventKind.INSTANCE_STOPPED,
}
_SPOT_CODES = re.compile(
    r"marked-for-|instance-(?:terminated|stopped)-(?:by-price|no-capacity|capacity-oversubscribed)"
)


def reads(document: Document) -> bool:
    """Whether the document is one of the dumps above."""
    return any(key in document.value for key in _PARSERS)


def parse(document: Document, findings: Findings) -> None:
    """Add events, settings of instances, and coverage at the file's time (a snapshot says no more)."""
    for key, (coverage, parser) in _PARSERS.items():
        if key not in document.value:
            continue
        for ref, record in records(document, key, findings):
            parser(document, record, ref, findings)
        if isinstance(document.value[key], list):
            findings.covered(coverage, document.read_at, document.read_at, document.ref)


def _reservation(document: Document, reservation: Record, ref: str, findings: Findings) -> None:
    for instance in objects(reservation, "Instances"):
        instance_id = text(instance, "InstanceId")
        if instance_id is None:
            findings.problem(ref, "instance without InstanceId")
            continue
        _add_addresses(instance, instance_id, ref, findings)
        _add_end(document, instance, instance_id, ref, findings)
        _setting(document, findings, instance_id, "lifecycle", _lifecycle(instance))
        zone = text(instance, "Placement", "AvailabilityZone")
        if zone is not None:
            _setting(document, findings, instance_id, "availability_zone", zone)
        for interface in objects(instance, "NetworkInterfaces"):
            _add_interface(document, interface, instance_id, findings)


def _add_addresses(instance: Record, instance_id: str, ref: str, findings: Findings) -> None:
    """One launch per address, at the attachment of its interface; one more at a later start."""
    launched_at = instant(instance, "LaunchTime", ref, findings)
    columns = _instance_columns(instance)
    held: dict[str, datetime | None] = {}
    for interface in objects(instance, "NetworkInterfaces"):
        attached_at = instant(mapping(interface, "Attachment"), "AttachTime", ref, findings)
        held.update(dict.fromkeys(_addresses(interface), attached_at or launched_at))
    primary = address(instance.get("PrivateIpAddress"))
    if primary is not None:
        held.setdefault(primary, launched_at)
    for ip, since in held.items():
        kept = "primary address" if ip == primary else "secondary address"
        if since is not None:
            _launched(findings, since, instance_id, ip, ref, columns, kept)
        if launched_at is not None and since is not None and launched_at - since > _RESTART:
            _launched(findings, launched_at, instance_id, ip, ref, {**columns, "reason": "restarted"}, kept)
    if not held and launched_at is not None:
        _launched(findings, launched_at, instance_id, None, ref, columns, "address no longer shown")


def _instance_columns(instance: Record) -> dict[str, Any]:
    labels = tags(objects(instance, "Tags"))
    asg_name = labels.get(ASG_TAG)
    return {
        "vpc_id": text(instance, "VpcId"),
        "asg_name": asg_name,
        "node_group": node_group_of(labels) or asg_name,
        "detail": " ".join(
            word
            for word in (
                text(instance, "InstanceType"),
                _lifecycle(instance),
                text(instance, "Placement", "AvailabilityZone"),
            )
            if word
        ),
    }


def _lifecycle(instance: Record) -> str:
    return text(instance, "InstanceLifecycle") or "on-demand"


def _launched(
    findings: Findings,
    at: datetime,
    instance_id: str,
    ip: str | None,
    ref: str,
    columns: dict[str, Any],
    note: str,
) -> None:
    """Instances and interfaces tell the same launch: the identity leaves out which of them did."""
    detail = f"{columns.get('detail') or ''} {note}".strip()
    findings.event(
        EventKind.INSTANCE_LAUNCHED,
        at,
        source=NAME,
        own_id=f"{instance_id}|{ip}|{at.isoformat()}",
        source_ref=ref,
        instance_id=instance_id,
        private_ip=ip,
        **{**columns, "detail": detail},
    )


def _addresses(interface: Record) -> list[str]:
    """All IPv4 and IPv6 addresses of an interface, the primary one first, each once."""
    values = [
        interface.get("PrivateIpAddress"),
        *(entry.get("PrivateIpAddress") for entry in objects(interface, "PrivateIpAddresses")),
        *(entry.get("Ipv6Address") for entry in objects(interface, "Ipv6Addresses")),
    ]
    return list(dict.fromkeys(ip for value in values if (ip := address(value)) is not None))


def _add_interface(document: Document, interface: Record, instance_id: str, findings: Findings) -> None:
    """Whose interface it is; pod addresses under prefix delegation lie inside its /28 blocks."""
    interface_id = text(interface, "NetworkInterfaceId") or "unnamed"
    resource = f"network-interface/{interface_id}"
    findings.setting(resource, ATTACHED_TO, instance_id, source=NAME, read_at=document.read_at)
    blocks = sorted({p for entry in objects(interface, "Ipv4Prefixes") if (p := text(entry, "Ipv4Prefix"))})
    if blocks:
        _setting(document, findings, instance_id, PREFIXES.format(interface_id), ",".join(blocks))


def _add_end(document: Document, instance: Record, instance_id: str, ref: str, findings: Findings) -> None:
    """The end's time stands in the transition reason only, if at all; without it the state is a setting."""
    state = text(instance, "State", "Name")
    transition = text(instance, "StateTransitionReason") or ""
    code = text(instance, "StateReason", "Code") or ""
    if state is None or state not in _GONE:
        return
    _setting(document, findings, instance_id, "state", f"{state} {code or transition}".strip())
    when = _WHEN.search(transition)
    at = instant({"StateTransitionReason": when[1]}, "StateTransitionReason", ref, findings) if when else None
    if at is None:
        return
    findings.event(
        _GONE[state],
        at,
        source=NAME,
        own_id=f"{instance_id}|{at.isoformat()}",
        source_ref=ref,
        instance_id=instance_id,
        reason=_end_reason(f"{code} {transition}"),
        detail=" ".join(word for word in (transition, text(instance, "StateReason", "Message")) if word),
        **{key: value for key, value in _instance_columns(instance).items() if key != "detail"},
    )


def _end_reason(words: str) -> str | None:
    """Auto Scaling's terminations read "User initiated" too: that says nothing about why."""
    if "Spot" in words:
        return "spot"
    return None if "UserInitiated" in words or "User initiated" in words else "other"


def _interface(document: Document, interface: Record, ref: str, findings: Findings) -> None:
    """Addresses of an attached interface; a load balancer's own interfaces hang on no instance."""
    attachment = mapping(interface, "Attachment")
    instance_id = text(attachment, "InstanceId")
    attached_at = instant(attachment, "AttachTime", ref, findings)
    if instance_id is None:
        _add_balancer_zone(document, interface, findings)
        return
    _add_interface(document, interface, instance_id, findings)
    if attached_at is None:
        findings.problem(ref, f"interface of {instance_id} without AttachTime")
        return
    primary = address(interface.get("PrivateIpAddress")) if attachment.get("DeviceIndex", 0) == 0 else None
    columns = {"vpc_id": text(interface, "VpcId"), "detail": text(interface, "NetworkInterfaceId")}
    for ip in _addresses(interface):
        kept = "primary address" if ip == primary else "secondary address"
        _launched(findings, attached_at, instance_id, ip, ref, columns, kept)


def _add_balancer_zone(document: Document, interface: Record, findings: Findings) -> None:
    """The zone of a load balancer's node, under the address that its lines carry."""
    zone = text(interface, "AvailabilityZone")
    if zone is None or not (text(interface, "Description") or "").startswith("ELB app/"):
        return
    for ip in _addresses(interface):
        findings.setting(f"elb_node/{ip}", "availability_zone", zone, source=NAME, read_at=document.read_at)


def _status(document: Document, status: Record, ref: str, findings: Findings) -> None:
    instance_id = text(status, "InstanceId")
    if instance_id is None:
        findings.problem(ref, "status without InstanceId")
        return
    for check in ("SystemStatus", "InstanceStatus"):
        if text(status, check, "Status") == "impaired":
            _setting(document, findings, instance_id, check, "impaired")
        for detail in objects(status, check, "Details"):
            since = instant(detail, "ImpairedSince", ref, findings)
            if since is not None:
                _impaired(findings, since, instance_id, ref, f"{check} {text(detail, 'Name') or ''} failed")
    for event in objects(status, "Events"):
        _scheduled(event, instance_id, ref, findings)


def _impaired(findings: Findings, at: datetime, instance_id: str, ref: str, detail: str) -> None:
    findings.event(
        EventKind.INSTANCE_IMPAIRED,
        at,
        source=NAME,
        own_id=f"{instance_id}|{detail}|{at.isoformat()}",
        source_ref=ref,
        instance_id=instance_id,
        reason="unhealthy",
        detail=detail,
        uncertainty_s=60.0,  # status checks run every minute
    )


def _scheduled(event: Record, instance_id: str, ref: str, findings: Findings) -> None:
    """A retirement, reboot or maintenance that AWS announces; a cancelled one does not happen."""
    at = instant(event, "NotBefore", ref, findings)
    words = text(event, "Description") or ""
    if at is None or "[Canceled]" in words:
        return
    code = text(event, "Code") or "unknown"
    findings.event(
        EventKind.OTHER,
        at,
        source=NAME,
        own_id=text(event, "InstanceEventId") or f"{instance_id}|{code}|{at.isoformat()}",
        source_ref=ref,
        instance_id=instance_id,
        reason="scheduled_event",
        detail=f"{code}: {words}",
    )


def _spot_request(_: Document, request: Record, ref: str, findings: Findings) -> None:
    status = mapping(request, "Status")
    code, instance_id = text(status, "Code") or "", text(request, "InstanceId")
    at = instant(status, "UpdateTime", ref, findings)
    if at is None or instance_id is None or not _SPOT_CODES.match(code):
        return
    findings.event(
        EventKind.SPOT_INTERRUPTED,
        at,
        source=NAME,
        own_id=f"{text(request, 'SpotInstanceRequestId')}|{code}|{at.isoformat()}",
        source_ref=ref,
        instance_id=instance_id,
        reason="spot",
        detail=f"{code}: {text(status, 'Message') or ''}",
    )


def _setting(document: Document, findings: Findings, instance_id: str, setting: str, value: str) -> None:
    findings.setting(f"instance/{instance_id}", setting, value, source=NAME, read_at=document.read_at)


_PARSERS = {
    "Reservations": ("instances", _reservation),
    "NetworkInterfaces": ("network_interfaces", _interface),
    "InstanceStatuses": ("instance_status", _status),
    "SpotInstanceRequests": ("spot_requests", _spot_request),
}
