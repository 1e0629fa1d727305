"""CloudTrail calls that give network interfaces their instance and their addresses.

The VPC CNI moves interfaces, secondary addresses and prefixes between nodes within minutes. Each call tells
of an interface only, and no call tells all of it: so they become settings of the interface, each in force
from the call on, and `lifetimes_interfaces` puts together who held an address when.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import TYPE_CHECKING

from pipeline.timeline.base import Findings
from pipeline.timeline.shapes import Record, address, every_text, mapping, text

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.timeline.cloudtrail_calls import Call

INTERFACE, ATTACHMENT = "network-interface/{}", "network-attachment/{}"
"""Resources of the settings."""
INSTANCE, BLOCK, OF_INTERFACE, STATE = "instance_id", "block.{}", "interface_id", "state"
"""Settings: what an interface hangs on, a block (address or prefix) of it, and those of an attachment."""
HELD, RELEASED, NONE, DETACHED = "held", "released", "none", "detached"
"""Values."""

_SOURCE = "cloudtrail"
_ID = re.compile(r"\beni-[0-9a-f]{8,17}\b")


def attached_at_launch(interface: Record, instance_id: str, since: "datetime", findings: Findings) -> None:
    """The interface that an instance is launched with."""
    interface_id = text(interface, "networkInterfaceId")
    if interface_id is not None:
        attachment_id = text(interface, "attachment", "attachmentId")
        _attached(findings, interface_id, instance_id, attachment_id, since)


def _created(call: "Call", findings: Findings) -> None:
    """A new interface has its addresses before it has an instance."""
    interface = mapping(call.answered, "networkInterface")
    interface_id = text(interface, "networkInterfaceId")
    if interface_id is None:
        findings.problem(call.ref, "created interface without networkInterfaceId")
        return
    _say(call, findings, interface_id, list(_blocks(interface)), HELD)


def _attach(call: "Call", findings: Findings) -> None:
    interface_id, instance_id = text(call.asked, "networkInterfaceId"), text(call.asked, "instanceId")
    if interface_id is None or instance_id is None:
        findings.problem(call.ref, "attached interface without networkInterfaceId or instanceId")
        return
    _attached(findings, interface_id, instance_id, text(call.answered, "attachmentId"), call.at)


def _detach(call: "Call", findings: Findings) -> None:
    """Names the attachment only: whose it is stands in the call that attached it."""
    attachment_id = text(call.asked, "attachmentId")
    if attachment_id is None:
        findings.problem(call.ref, "detached interface without attachmentId")
        return
    _setting(findings, ATTACHMENT.format(attachment_id), STATE, DETACHED, call.at)


def _delete(call: "Call", findings: Findings) -> None:
    interface_id = text(call.asked, "networkInterfaceId")
    if interface_id is None:
        findings.problem(call.ref, "deleted interface without networkInterfaceId")
        return
    _setting(findings, INTERFACE.format(interface_id), INSTANCE, NONE, call.at)


def _assign(call: "Call", findings: Findings) -> None:
    """The answer says which addresses it became, where the request gave a number."""
    _change(call, findings, list(_blocks(call.answered)) or list(_blocks(call.asked)), HELD)


def _unassign(call: "Call", findings: Findings) -> None:
    _change(call, findings, list(_blocks(call.asked)), RELEASED)


def _change(call: "Call", findings: Findings, blocks: list[str], value: str) -> None:
    named = [found[0] for one in every_text([call.asked, call.answered]) if (found := _ID.fullmatch(one))]
    if not named or not blocks:
        findings.problem(call.ref, f"{call.name} names no interface, or no address")
        return
    _say(call, findings, named[0], blocks, value)


INTERFACE_CALLS = {
    "CreateNetworkInterface": _created,
    "AttachNetworkInterface": _attach,
    "DetachNetworkInterface": _detach,
    "DeleteNetworkInterface": _delete,
    "AssignPrivateIpAddresses": _assign,
    "UnassignPrivateIpAddresses": _unassign,
    "AssignIpv6Addresses": _assign,
    "UnassignIpv6Addresses": _unassign,
}
"""Calls that say which interface, and so which instance, holds an address or prefix from then on."""


def _attached(
    findings: Findings, interface_id: str, instance_id: str, attachment_id: str | None, at: "datetime"
) -> None:
    _setting(findings, INTERFACE.format(interface_id), INSTANCE, instance_id, at)
    if attachment_id is not None:
        _setting(findings, ATTACHMENT.format(attachment_id), OF_INTERFACE, interface_id, at)


def _say(call: "Call", findings: Findings, interface_id: str, blocks: list[str], value: str) -> None:
    for block in blocks:
        _setting(findings, INTERFACE.format(interface_id), BLOCK.format(block), value, call.at)


def _setting(findings: Findings, resource: str, setting: str, value: str, at: "datetime") -> None:
    findings.setting(resource, setting, value, source=_SOURCE, valid_from=at)


def _blocks(value: object) -> Iterator[str]:
    """Addresses and prefixes anywhere in a value, each once: calls differ in how they wrap them."""
    found = {block for one in every_text(value) if (block := _prefix(one) if "/" in one else address(one))}
    yield from sorted(found)


def _prefix(value: str) -> str | None:
    try:
        return str(ip_network(value))
    except ValueError:
        return None
