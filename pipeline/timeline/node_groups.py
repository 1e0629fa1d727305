"""Gives every event of a node the best name of its group: its role, else its Auto Scaling group.

Two regions or accounts may have a group of the same name: where several are known, the ARN that Auto Scaling
tells for an instance says which one is meant, and a name alone means none of them.
"""

from collections.abc import Iterable
from typing import Any

import polars as pl

from pipeline.timeline.names import group_name

Row = dict[str, Any]

_NAMES = ("instance_id", "asg_name", "node_group")


def with_node_groups(events: pl.DataFrame, settings: list[Row]) -> pl.DataFrame:
    """Events with ``asg_name`` and ``node_group`` filled from what others say of the instance or its group.

    A source that knows only the Auto Scaling group names that; where another one knows a role for the same
    instance, or for the group, the role replaces it: then all sources speak of the same group.
    """
    names = events.select(_NAMES)
    distinct = names.unique()  # of a hundred thousand events most are of pods, which name none of them
    rows = distinct.to_dicts()
    groups = _Groups(rows, settings)
    by_instance = _first(
        (row["instance_id"], row["node_group"]) for row in rows if _has_role(row) and row["instance_id"]
    )
    by_group = _group_roles(rows, settings, groups)
    for row in rows:
        row["asg_name"] = row["asg_name"] or groups.name_of.get(row["instance_id"])
        if not _has_role(row):
            role = by_instance.get(row["instance_id"]) or by_group.get(groups.of(row))
            row["node_group"] = role or row["node_group"] or row["asg_name"]
    filled = pl.DataFrame(rows, schema=dict.fromkeys(_NAMES, pl.String))
    by_names = distinct.with_columns(filled["asg_name"].alias("_asg"), filled["node_group"].alias("_group"))
    found = names.join(by_names, on=_NAMES, how="left", nulls_equal=True, maintain_order="left")
    return events.with_columns(found["_asg"].alias("asg_name"), found["_group"].alias("node_group"))


class _Groups:
    """Which group an event is about."""

    def __init__(self, events: list[Row], settings: list[Row]) -> None:
        listed = ((_instance(row), row["value"]) for row in settings if row["setting"] == "asg_name")
        told = ((row["instance_id"], row["asg_name"]) for row in events if row["instance_id"])
        self.name_of = _first([*((i, a) for i, a in told if a), *listed])
        self._arn_of = _first(
            (_instance(row), row["value"]) for row in settings if row["setting"] == "asg_arn"
        )
        known = {row["resource"] for row in settings} | set(self._arn_of.values())
        self._arns: dict[str, set[str]] = {}
        for one in known:
            name = group_name(one) if one.startswith("arn:") else None
            if name is not None:
                self._arns.setdefault(name, set()).add(one)

    def of(self, row: Row) -> str | None:
        """ARN of the event's group, else its name."""
        return self._arn_of.get(row["instance_id"]) or self.by_name(
            row["asg_name"] or self.name_of.get(row["instance_id"])
        )

    def by_name(self, name: str | None) -> str | None:
        """The only ARN of a name; the name where no ARN is known, None where several are."""
        arns = self._arns.get(name or "", set())
        return next(iter(arns), name) if len(arns) < 2 else None  # noqa: PLR2004 - one or none


def _instance(row: Row) -> str:
    return str(row["resource"]).removeprefix("instance/")


def _has_role(row: Row) -> bool:
    """Whether the event names a group other than its Auto Scaling group."""
    return bool(row["node_group"]) and row["node_group"] != row["asg_name"]


def _group_roles(events: list[Row], settings: list[Row], groups: _Groups) -> dict[str | None, str]:
    tagged = (
        (row["resource"] if row["resource"].startswith("arn:") else groups.by_name(name), row["value"])
        for row in settings
        if row["setting"] == "node_group" and (name := group_name(row["resource"])) is not None
    )
    told = ((groups.of(row), row["node_group"]) for row in events if _has_role(row))
    roles = ((group, role) for group, role in told if group and role != (group_name(group) or group))
    return _first((group, role) for group, role in tagged if group) | _first(roles)


def _first(pairs: Iterable[tuple[str | None, str]]) -> dict[str | None, str]:
    """One value per key, whatever the order of the pairs."""
    return dict(sorted(set(pairs), key=lambda pair: (pair[0] or "", pair[1]), reverse=True))
