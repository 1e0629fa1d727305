"""Marks: the lines by which a recorded watch says what span it really observed.

A mark is a bookmark, as the API server sends them, with annotations: kubectl and every reader of watches
pass over it, and `kubernetes` takes the coverage from it. Without marks a quiet hour and an hour in
which nobody watched look the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.timeline.instants import read_instant

_FROM, _TO, _CLUSTER = "forensics/observed-from", "forensics/observed-to", "forensics/cluster"


@dataclass(frozen=True)
class Mark:
    """A span of a watch that was observed without a gap.

    Attributes:
        observed_from: its start, UTC.
        observed_to: its end so far, UTC.
        version: resourceVersion up to which everything was written: the watch can go on from it.
        cluster: fingerprint of the cluster.
    """

    observed_from: datetime
    observed_to: datetime
    version: str
    cluster: str


def as_line(mark: Mark, kind: str, api_version: str) -> dict[str, Any]:
    """The watch line that holds a mark."""
    annotations = {
        _FROM: _text(mark.observed_from),
        _TO: _text(mark.observed_to),
        _CLUSTER: mark.cluster,
    }
    metadata = {"resourceVersion": mark.version, "annotations": annotations}
    return {
        "type": "BOOKMARK",
        "object": {"apiVersion": api_version, "kind": kind, "metadata": metadata},
    }


def read_mark(line: Mapping[str, Any]) -> Mark | None:
    """The mark in a watch line; None when it is another line, or a broken one."""
    value: object = line.get("object")
    metadata = value.get("metadata") if isinstance(value, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if line.get("type") != "BOOKMARK" or not isinstance(metadata, dict) or not isinstance(annotations, dict):
        return None
    try:
        observed_from, observed_to = read_instant(annotations.get(_FROM)), read_instant(annotations.get(_TO))
    except ValueError:
        return None
    if observed_to < observed_from:
        return None
    version, cluster = metadata.get("resourceVersion"), annotations.get(_CLUSTER)
    return Mark(observed_from, observed_to, str(version or ""), str(cluster or ""))


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
