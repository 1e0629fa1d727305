"""CloudTrail calls that can cut the path to the targets: security groups, ACLs, routes; rules, listeners.

Which addresses such a call touches is not in its record. The event names the resources in its detail, for
the causes to match with the settings of load balancers and target groups.
"""

import re
from typing import TYPE_CHECKING

from pipeline.model import EventKind
from pipeline.timeline.base import Findings
from pipeline.timeline.shapes import every_text

if TYPE_CHECKING:
    from pipeline.timeline.cloudtrail_calls import Call

NETWORK_CALLS = {
    "AuthorizeSecurityGroupIngress": "security_group",
    "AuthorizeSecurityGroupEgress": "security_group",
    "RevokeSecurityGroupIngress": "security_group",
    "RevokeSecurityGroupEgress": "security_group",
    "ModifySecurityGroupRules": "security_group",
    "ModifyNetworkInterfaceAttribute": "security_group",
    "ModifyInstanceAttribute": "security_group",
    "SetSecurityGroups": "security_group",
    "CreateNetworkAclEntry": "network_acl",
    "DeleteNetworkAclEntry": "network_acl",
    "ReplaceNetworkAclEntry": "network_acl",
    "ReplaceNetworkAclAssociation": "network_acl",
    "CreateRoute": "route",
    "DeleteRoute": "route",
    "ReplaceRoute": "route",
    "AssociateRouteTable": "route",
    "DisassociateRouteTable": "route",
    "ReplaceRouteTableAssociation": "route",
}
"""Calls that can block packets, and what they change: the event's reason."""

ROUTING_CALLS = frozenset(
    {
        "CreateListener",
        "CreateRule",
        "CreateTargetGroup",
        "DeleteListener",
        "DeleteRule",
        "DeleteTargetGroup",
        "ModifyListener",
        "ModifyListenerAttributes",
        "ModifyRule",
        "SetIpAddressType",
        "SetRulePriorities",
        "SetSubnets",
    }
)
"""Calls that change which requests reach which target group; reason: the call's name."""

_NETWORK_ID = re.compile(r"\b(?:sg|eni|acl|aclassoc|rtb|rtbassoc|subnet|i)-[0-9a-f]{2,32}\b")
_ARN = re.compile(r"arn:[a-z-]+:elasticloadbalancing:[^\s\"',]+")
_MOST_NAMED = 10
"""Resources beyond this are left out of the detail."""
_WITHOUT_GROUPS = ("ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute")
"""Calls that change other attributes as well: they count only where they name a security group."""


def network_changed(call: "Call", findings: Findings) -> None:
    """One event that names the groups, ACLs, tables and interfaces of the request."""
    named = _named(_NETWORK_ID, call.asked)
    if call.name in _WITHOUT_GROUPS and not any(one.startswith("sg-") for one in named):
        return
    _add(call, findings, EventKind.NETWORK_CHANGED, named, NETWORK_CALLS[call.name])


def routing_changed(call: "Call", findings: Findings) -> None:
    """One event that names load balancer, listener, rule and target groups; of one group, as its column."""
    named = _named(_ARN, [call.asked, call.answered])
    groups = [one for one in named if ":targetgroup/" in one]
    only = groups[0] if len(groups) == len(named) == 1 else None
    _add(call, findings, EventKind.ROUTING_CHANGED, named, call.name, target_group_arn=only)


def _add(
    call: "Call",
    findings: Findings,
    kind: EventKind,
    named: list[str],
    reason: str,
    target_group_arn: str | None = None,
) -> None:
    words = " ".join(named) or "unnamed resource"
    findings.event(
        kind,
        call.at,
        source="cloudtrail",
        own_id=f"{call.own_id}|{words}",
        source_ref=call.ref,
        detail=f"{call.name} {words} by {call.actor}",
        reason=reason,
        target_group_arn=target_group_arn,
    )


def _named(shape: re.Pattern[str], value: object) -> list[str]:
    """Ids of a shape anywhere in the value, each once, security groups first."""
    found = {one for text in every_text(value) for one in shape.findall(text)}
    return sorted(found, key=lambda one: (not one.startswith("sg-"), one))[:_MOST_NAMED]
