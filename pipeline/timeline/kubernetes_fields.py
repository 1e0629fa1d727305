"""Reads fields of Kubernetes objects that anyone may have written: wrong types count as absent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from pipeline.timeline.base import Findings
from pipeline.timeline.instants import read_instant
from pipeline.timeline.shapes import address

SOURCE = "kubernetes"

LONGEST_GRACE_S = 7 * 86400.0
"""A grace period beyond a week is a joke or an attack, and would push instants out of the calendar."""


@dataclass(frozen=True)
class Record:
    """One Kubernetes object, where it was read, and what the watch around it said.

    Attributes:
        ref: file, record and item, for people.
        value: the object.
        gone: a watch reported it as DELETED.
    """

    ref: str
    value: Mapping[str, Any]
    gone: bool = False


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; anything else in it is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The value if it is a text with something in it."""
    return value if isinstance(value, str) and value else None


def number(value: object) -> float | None:
    """The value if it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def grace_of(value: object) -> float | None:
    """A grace period in seconds, if it is a sensible one."""
    seconds = number(value)
    return seconds if seconds is not None and 0 <= seconds <= LONGEST_GRACE_S else None


def moment(record: Record, findings: Findings, value: object) -> datetime | None:
    """An instant of the record, UTC; None when absent. A malformed one is reported and counts as absent."""
    if value is None or value == "":
        return None
    try:
        return _read(value) if isinstance(value, str) else read_instant(value)
    except ValueError as problem:
        findings.problem(record.ref, f"an instant is {problem}")
        return None


@lru_cache(maxsize=1 << 16)
def _read(value: str) -> datetime:
    """The instant of a text. Objects of one rollout, and one object told twice, repeat their instants."""
    return read_instant(value)


@lru_cache(maxsize=1 << 16)
def read_address(value: str) -> str | None:
    """An address in its usual spelling; a pod tells its own in every update."""
    return address(value)


def metadata(record: Record) -> Mapping[str, Any]:
    """The object's metadata."""
    return mapping(record.value.get("metadata"))


def full_name(record: Record) -> str | None:
    """``namespace/name`` of the object; namespace ``default`` when it names none."""
    name = text(metadata(record).get("name"))
    return f"{text(metadata(record).get('namespace')) or 'default'}/{name}" if name else None


def labels_of(record: Record) -> dict[str, str]:
    """The object's labels."""
    labels = mapping(metadata(record).get("labels"))
    return {key: value for key, value in labels.items() if isinstance(value, str)}


def deletion_requested_at(record: Record, findings: Findings) -> datetime | None:
    """When the delete was asked for, UTC.

    ``deletionTimestamp`` is the deadline: the request plus the grace period. A final delete with grace 0
    moves both back by the same amount, so the difference stays the request.
    """
    deadline = moment(record, findings, metadata(record).get("deletionTimestamp"))
    grace = grace_of(metadata(record).get("deletionGracePeriodSeconds")) or 0.0
    return deadline - timedelta(seconds=grace) if deadline else None


def latest_instant(record: Record) -> datetime | None:
    """The last instant that the object itself tells, UTC: it was read then or later.

    Deadlines and the time of a final delete are left out: they may lie in the future. Malformed
    instants are passed over in silence, because the parser of the object reports them.
    """
    known = []
    for value in _instants_in(record.value):
        try:
            known.append(_read(value))
        except ValueError:
            continue
    return max(known, default=None)


_PAST_INSTANTS = frozenset(
    {
        "creationTimestamp",
        "lastTransitionTime",
        "lastHeartbeatTime",
        "startedAt",
        "finishedAt",
        "startTime",
        "timeAdded",
        "time",
    }
)
_DEEPEST = 8


def _instants_in(value: object, depth: int = 0) -> Iterator[str]:
    """Every instant of the past in an object, found by the names Kubernetes gives them."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _PAST_INSTANTS and isinstance(inner, str):
                yield inner
            elif isinstance(inner, dict | list):
                yield from _instants_in(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _instants_in(inner, depth + 1)
