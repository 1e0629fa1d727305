"""Gives every event of a node the best name of its group: its role, else its Auto Scaling group."""

from collections.abc import Iterable
from typing import Any

import polars as pl

Row = dict[str, Any]

_NAMES = ("instance_id", "asg_name", "node_group")


def with_node_groups(events: pl.DataFrame, settings: list[Row]) -> pl.DataFrame:
    """Events with ``asg_name`` and ``node_group`` filled from what others say of the instance or its group.

    A source that knows only the Auto Scaling group names that; where another one knows a role for the same
    instance, or for the group, the role replaces it: then all sources speak of the same group.
    """
    rows = events.select(_NAMES).to_dicts()
    asg_of = _asg_by_instance(rows, settings)
    by_instance = _first(
        (row["instance_id"], row["node_group"]) for row in rows if _has_role(row) and row["instance_id"]
    )
    by_asg = _group_roles(rows, settings, asg_of)
    for row in rows:
        row["asg_name"] = row["asg_name"] or asg_of.get(row["instance_id"])
        if not _has_role(row):
            role = by_instance.get(row["instance_id"]) or by_asg.get(row["asg_name"])
            row["node_group"] = role or row["node_group"] or row["asg_name"]
    named = pl.DataFrame(rows, schema=dict.fromkeys(_NAMES, pl.String))
    return events.with_columns(named["asg_name"], named["node_group"])


def _has_role(row: Row) -> bool:
    """Whether the event names a group other than its Auto Scaling group."""
    return bool(row["node_group"]) and row["node_group"] != row["asg_name"]


def _asg_by_instance(events: list[Row], settings: list[Row]) -> dict[str | None, str]:
    listed = (
        (row["resource"].removeprefix("instance/"), row["value"])
        for row in settings
        if row["setting"] == "asg_name"
    )
    told = ((row["instance_id"], row["asg_name"]) for row in events if row["instance_id"])
    return _first([*((i, a) for i, a in told if a), *listed])


def _group_roles(
    events: list[Row], settings: list[Row], asg_of: dict[str | None, str]
) -> dict[str | None, str]:
    tagged = (
        (row["resource"].removeprefix("auto-scaling-group/"), row["value"])
        for row in settings
        if row["setting"] == "node_group"
    )
    told = (
        (row["asg_name"] or asg_of.get(row["instance_id"]), row["node_group"])
        for row in events
        if _has_role(row)
    )
    return _first(tagged) | _first((asg, role) for asg, role in told if asg and asg != role)


def _first(pairs: Iterable[tuple[str | None, str]]) -> dict[str | None, str]:
    """One value per key, whatever the order of the pairs."""
    return dict(sorted(set(pairs), key=lambda pair: (pair[0] or "", pair[1]), reverse=True))
