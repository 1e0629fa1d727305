"""Gives every event of a node the best name of its group: its role, else its Auto Scaling group."""

from collections.abc import Iterable
from typing import Any

from pipeline.timeline.base import Findings

Row = dict[str, Any]


def name_node_groups(findings: Findings) -> None:
    """Fill ``asg_name`` and ``node_group`` of events from what others say of the instance or its group.

    A source that knows only the Auto Scaling group names that; where another one knows a role for the same
    instance, or for the group, the role replaces it: then all sources speak of the same group.
    """
    asg_of = _asg_by_instance(findings)
    by_instance = _first(
        (row["instance_id"], row["node_group"])
        for row in findings.events
        if _has_role(row) and row.get("instance_id")
    )
    by_asg = _group_roles(findings, asg_of)
    for row in findings.events:
        instance_id = row.get("instance_id")
        row["asg_name"] = row.get("asg_name") or asg_of.get(instance_id)
        if not _has_role(row):
            role = by_instance.get(instance_id) or by_asg.get(row["asg_name"])
            row["node_group"] = role or row.get("node_group") or row["asg_name"]


def _has_role(row: Row) -> bool:
    """Whether the event names a group other than its Auto Scaling group."""
    return bool(row.get("node_group")) and row.get("node_group") != row.get("asg_name")


def _asg_by_instance(findings: Findings) -> dict[str | None, str]:
    listed = (
        (row["resource"].removeprefix("instance/"), row["value"])
        for row in findings.settings
        if row["setting"] == "asg_name"
    )
    told = ((row["instance_id"], row.get("asg_name")) for row in findings.events if row.get("instance_id"))
    return _first([*((i, a) for i, a in told if a), *listed])


def _group_roles(findings: Findings, asg_of: dict[str | None, str]) -> dict[str | None, str]:
    tagged = (
        (row["resource"].removeprefix("auto-scaling-group/"), row["value"])
        for row in findings.settings
        if row["setting"] == "node_group"
    )
    told = (
        (row.get("asg_name") or asg_of.get(row.get("instance_id")), row["node_group"])
        for row in findings.events
        if _has_role(row)
    )
    return _first(tagged) | _first((asg, role) for asg, role in told if asg and asg != role)


def _first(pairs: Iterable[tuple[str | None, str]]) -> dict[str | None, str]:
    """One value per key, whatever the order of the pairs."""
    return dict(sorted(set(pairs), key=lambda pair: (pair[0] or "", pair[1]), reverse=True))
