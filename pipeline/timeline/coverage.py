"""Joins the spans of streams that come in many files into the spans that were really observed."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from pipeline.timeline.base import Findings
from pipeline.timeline.kubernetes_coverage import IS_MARKED

Row = dict[str, Any]

QUIET = timedelta(days=1)
"""A trail writes no file while nothing is called; a gap of a day or more counts as files that are missing."""

_STREAMS = {"cloudtrail": QUIET, "eventbridge": timedelta.resolution}
_CLUSTER = ("pods", "nodes", "services")
_POSITION = re.compile(r"#\d+$")


def join_streams(findings: Findings) -> None:
    """Join the spans of CloudTrail, EventBridge and marked watches; those of others stay as they are.

    Records of one file make one span; spans of one stream that overlap, or (for CloudTrail) lie less than
    a day apart, become one that names its first file. Files of a watch follow each other without a gap
    unless there was one.
    """
    marked = sorted((row for row in findings.coverage if IS_MARKED in row), key=_order)
    others = [row for row in findings.coverage if row["source"] not in _STREAMS and IS_MARKED not in row]
    rows = sorted(
        (row for row in findings.coverage if row["source"] in _STREAMS),
        key=_order,
    )
    joined = [
        span
        for source, found in groupby(rows, key=lambda row: str(row["source"]))
        for span in _joined(_per_file(found), _STREAMS[source])
    ]
    joined += [
        span
        for _, found in groupby(marked, key=lambda row: str(row["source"]))
        for span in _joined(list(found), timedelta.resolution)
    ]
    findings.coverage = [*others, *joined]


def watch_until_written(findings: Findings, written: dict[str, datetime]) -> None:
    """Let watches and snapshots of the cluster reach until their file was last written.

    Nothing in a quiet dump tells when it was taken: what a cluster holds now says that nothing was
    replaced since its youngest object. A copy may be younger than the dump, so quiet is believed rather
    too long than too short; no event ever comes from a file's time.

    Args:
        findings: its coverage rows are changed.
        written: time of the last write by file, UTC.
    """
    for row in findings.coverage:
        if row["source"] in _CLUSTER and IS_MARKED not in row:
            taken = written.get(_POSITION.sub("", row["source_ref"]), row["covered_to"])
            row["covered_to"] = max(row["covered_to"], taken)


def _order(row: Row) -> tuple[Any, ...]:
    return row["source"], row["covered_from"], row["covered_to"], row["source_ref"]


def _per_file(rows: Iterable[Row]) -> list[Row]:
    spans: dict[str, Row] = {}
    for row in rows:
        file = _POSITION.sub("", row["source_ref"])
        span = spans.setdefault(file, {**row, "source_ref": file})
        span["covered_to"] = max(span["covered_to"], row["covered_to"])
    return list(spans.values())


def _joined(spans: list[Row], gap: timedelta) -> Iterator[Row]:
    """Spans in order of their start, joined across gaps up to ``gap``."""
    current: Row | None = None
    for span in spans:
        if current is not None and span["covered_from"] - current["covered_to"] < gap:
            current["covered_to"] = max(current["covered_to"], span["covered_to"])
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current
