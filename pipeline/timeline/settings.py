"""Settings with their history: snapshots say what holds now, CloudTrail says when it was changed.

From the first change on, the changes alone tell the value: each holds until the next. Before the first
change the value is unknown, and so has no row, unless a snapshot is older than that change. A snapshot's
file time is an upper bound of its age: it may prove a snapshot old, never new. Without changes the
snapshots, in order of their file times, are the history, and the oldest holds since ever.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any

from pipeline.timeline.base import Findings
from pipeline.timeline.elbv2 import DEFAULT
from pipeline.timeline.kubernetes import NAME as KUBERNETES
from pipeline.timeline.names import group_name

Row = dict[str, Any]

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_KINDS = {"load-balancer": ":loadbalancer/", "target-group": ":targetgroup/"}
"""Kinds of resource that a dump may name by file name, and what their ARN holds."""
_GROUP = "auto-scaling-group"


def name_by_own_listing(rows: list[Row]) -> None:
    """Put ARNs where file names gave names, as far as rows of the same collection tell them.

    One account and region has one resource of a name; another one may have its own.
    """
    known = _known_resources(rows)
    for row in rows:
        named = known.get(row["resource"], set())
        if len(named) == 1 and not row["resource"].endswith("/*"):
            (row["resource"],) = named


def settle(findings: Findings) -> None:
    """Replace the collected settings by their history; put ARNs where file names gave names.

    Afterwards the rows of AWS sources do not overlap per (resource, setting). Rows of Kubernetes stay as
    they are (a pod may belong to several services), except where AWS itself tells the same setting.
    Contradictions are problems.
    """
    known = _known_resources(findings.settings)
    named = [row for row in findings.settings if row["source"] != KUBERNETES]
    resolved = _best(_resolved(named, known, findings))
    settled = [
        row
        for key, rows in groupby(sorted(resolved, key=_order), key=_key)
        for row in _history(key, list(rows), findings)
    ]
    told = {_key(row) for row in settled}
    others = (row for row in findings.settings if row["source"] == KUBERNETES and _key(row) not in told)
    findings.settings = [*settled, *others]


def _key(row: Row) -> tuple[str, str]:
    return row["resource"], row["setting"]


def _order(row: Row) -> tuple[Any, ...]:
    return *_key(row), row["valid_from"] or row.get("read_at") or _BEGINNING, row["value"], row["source"]


def _known_resources(rows: Iterable[Row]) -> dict[str, set[str]]:
    """Resources by ``kind/name`` and by ``kind/*``."""
    known: dict[str, set[str]] = {}
    for row in rows:
        group = row["value"] if row["setting"] == "asg_arn" else row["resource"]
        name = group_name(group)
        if name is not None:
            known.setdefault(f"{_GROUP}/{name}", set()).add(group)
        if row["setting"] != "name":
            continue
        for named, part in _KINDS.items():
            if part in row["resource"]:
                known.setdefault(f"{named}/{row['value']}", set()).add(row["resource"])
                known.setdefault(f"{named}/*", set()).add(row["resource"])
    return known | _groups(known)


def _groups(known: dict[str, set[str]]) -> dict[str, set[str]]:
    """Auto Scaling groups by name: their ARNs, where any is known; and all of them."""
    groups = {
        named: {one for one in found if one.startswith("arn:")} or found
        for named, found in known.items()
        if named.startswith(f"{_GROUP}/")
    }
    return groups | ({f"{_GROUP}/*": set[str]().union(*groups.values())} if groups else {})


def _resolved(rows: Iterable[Row], known: dict[str, set[str]], findings: Findings) -> Iterator[Row]:
    """Rows under the ARNs that their names stand for; a name without dump stays a name."""
    strangers: set[str] = set()
    for row in rows:
        name = row["resource"]
        kind = name.partition("/")[0]
        if name not in known and kind in {"load-balancer", "target-group"} and f"{kind}/*" in known:
            strangers.add(name)
        for resource in sorted(known.get(name, {name})):
            yield {**row, "resource": resource, "is_for_all": name.endswith("/*")}
    for name in sorted(strangers):
        findings.problem(name, "is named by a file, but no listing shows it: check the file's name")


def _best(rows: Iterable[Row]) -> list[Row]:
    """Of snapshots of one setting: those named for the resource, before those for all, before defaults."""
    found = list(rows)
    best: dict[tuple[str, str], tuple[bool, bool]] = {}
    for row in found:
        if _is_snapshot(row):
            best[_key(row)] = min(best.get(_key(row), (True, True)), _rank(row))
    return [row for row in found if not _is_snapshot(row) or _rank(row) == best[_key(row)]]


def _rank(row: Row) -> tuple[bool, bool]:
    return row["source"] == DEFAULT, row["is_for_all"]


def _is_snapshot(row: Row) -> bool:
    return row["valid_from"] is None and row["valid_to"] is None


def _history(key: tuple[str, str], rows: list[Row], findings: Findings) -> Iterator[Row]:
    """Rows of one setting, in order of time."""
    snapshots = [row for row in rows if _is_snapshot(row)]
    changes = [row for row in rows if row["valid_from"] is not None and row["valid_to"] is None]
    instants = {row["valid_from"]: row for row in rows if row["valid_to"] is not None}
    yield from instants.values()
    if changes:
        yield from _changed(key, snapshots, changes, findings)
    elif snapshots:
        yield from _seen(key, snapshots, findings)


def _seen(key: tuple[str, str], snapshots: list[Row], findings: Findings) -> Iterator[Row]:
    values = {row["value"] for row in snapshots}
    if len(values) > 1 and snapshots[0]["is_for_all"]:
        findings.problem(
            f"{key[0]} {key[1]}",
            f"has several values ({', '.join(sorted(values))}) in dumps that name no resource:"
            " name the files after it",
        )
    steps = [{**row, "valid_from": row.get("read_at")} for row in snapshots]
    chain = list(_chain(steps))
    chain[0]["valid_from"] = None
    yield from chain


def _changed(
    key: tuple[str, str], snapshots: list[Row], changes: list[Row], findings: Findings
) -> Iterator[Row]:
    first = changes[0]["valid_from"]
    older = [row for row in snapshots if row.get("read_at") and row["read_at"] < first]
    if older:
        yield from ({**row, "valid_to": row["valid_to"] or first} for row in _seen(key, older, findings))
    yield from _chain(changes)
    newest = next((row for row in reversed(snapshots) if row not in older), None)
    if newest is not None and newest["source"] != DEFAULT and newest["value"] != changes[-1]["value"]:
        findings.problem(
            f"{key[0]} {key[1]}",
            f"the dump says {newest['value']}, the last change in CloudTrail {changes[-1]['value']}:"
            " the dump is older than its file, or a record is missing",
        )


def _chain(steps: list[Row]) -> Iterator[Row]:
    """Each value until the next different one; of several at one instant the last counts."""
    at_once = {step["valid_from"]: step for step in steps}
    distinct: list[Row] = []
    for step in at_once.values():
        if not distinct or distinct[-1]["value"] != step["value"]:
            distinct.append(dict(step))
    for step, following in pairwise(distinct):
        step["valid_to"] = following["valid_from"]
    yield from distinct
