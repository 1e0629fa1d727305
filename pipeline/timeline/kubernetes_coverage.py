"""What a Kubernetes dump observed.

A snapshot shows survivors only, so it covers one instant, the latest that its objects tell; kubectl's watch
covers from its first change to its last. Both are quiet after that, until their file was written
(`coverage.watch_until_written`). Listed events cover at most the hour that a cluster keeps them; exported
ones and the audit log cover from the first to the last of a file. A watch with marks (`watch_marks`) says
itself what it observed, gaps included, and is taken at its word.
"""

import re
from datetime import datetime, timedelta
from typing import Any

from pipeline.timeline.base import Document, Findings
from pipeline.timeline.watch_marks import Mark

EVENTS_KEPT = timedelta(hours=1)
IS_MARKED = "is_marked"
"""Set in rows of coverage that a mark gave; no column of the table."""

_EVENTS = "kube_events"
_COVERED_AS = {
    "Pod": "pods",
    "Node": "nodes",
    "Service": "services",
    "EndpointSlice": "services",
    "Endpoints": "services",
    "TargetGroupBinding": "services",
}


def observed(document: Document, findings: Findings, kind: str, mark: Mark) -> None:
    """Take the span of a mark: it replaces what the lines before it let suppose."""
    source = _EVENTS if kind == "Event" else _COVERED_AS.get(kind)
    if source is None:
        return
    row = _row(document, findings, source)
    if row is not None and IS_MARKED not in row:
        row |= {"covered_from": mark.observed_from, "covered_to": mark.observed_to, IS_MARKED: True}
    elif row is not None and mark.observed_from <= row["covered_to"]:
        row["covered_from"] = min(row["covered_from"], mark.observed_from)
        row["covered_to"] = max(row["covered_to"], mark.observed_to)
    else:
        findings.covered(source, mark.observed_from, mark.observed_to, _file(document))
        findings.coverage[-1][IS_MARKED] = True


def watched(
    document: Document, findings: Findings, kind: str, instants: list[datetime], *, initial: bool
) -> None:
    """Widen a watch by the instants of one changed object."""
    if kind == "Event":
        stream(document, findings, _EVENTS, instants)
    elif kind in _COVERED_AS and instants:
        _widen(document, findings, _COVERED_AS[kind], max(instants), initial=initial)


def snapshot(document: Document, findings: Findings, kinds: set[str], instants: list[datetime]) -> None:
    """A snapshot covers the latest instant that anything in it tells."""
    for source in sorted({_COVERED_AS[kind] for kind in kinds if kind in _COVERED_AS}):
        if instants:
            _widen(document, findings, source, max(instants), initial=True)


def events(document: Document, findings: Findings, instants: list[datetime], *, exported: bool) -> None:
    """Events of a list, perhaps one of several pages, or one that an exporter wrote."""
    stream(document, findings, _EVENTS, instants)
    row = _row(document, findings, _EVENTS)
    if row is not None and not exported:
        row["covered_from"] = max(row["covered_from"], row["covered_to"] - EVENTS_KEPT)


def stream(document: Document, findings: Findings, source: str, instants: list[datetime]) -> None:
    """Widen the file's span: a stream covers from its first record to its last."""
    row = _row(document, findings, source)
    if not instants or (row is not None and IS_MARKED in row):
        return
    if row is None:
        findings.covered(source, min(instants), max(instants), _file(document))
        return
    row["covered_from"] = min(row["covered_from"], *instants)
    row["covered_to"] = max(row["covered_to"], *instants)


def _widen(document: Document, findings: Findings, source: str, at: datetime, *, initial: bool) -> None:
    """Widen a watch: its opening list is a snapshot, so the span starts where the first change follows."""
    row = _row(document, findings, source)
    if row is None:
        findings.covered(source, at, at, _file(document))
        return
    if IS_MARKED in row:
        return
    opening = initial and row["covered_from"] == row["covered_to"]
    row["covered_to"] = max(row["covered_to"], at)
    if opening:
        row["covered_from"] = row["covered_to"]


def _row(document: Document, findings: Findings, source: str) -> dict[str, Any] | None:
    """The coverage row of this file and source, which is the last one while a file is being read."""
    ref = _file(document)
    rows = reversed(findings.coverage)
    return next((row for row in rows if row["source"] == source and row["source_ref"] == ref), None)


def _file(document: Document) -> str:
    return re.sub(r"#\d+\Z", "", document.ref)
