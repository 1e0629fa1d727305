"""What one folder's files observed: a span per file of a stream, and quiet until the file was written."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pipeline.timeline.base import Findings
from pipeline.timeline.kubernetes_coverage import IS_MARKED

Row = dict[str, Any]

_STREAMS = ("cloudtrail", "eventbridge")
_CLUSTER = ("pods", "nodes", "services")
_POSITION = re.compile(r"#\d+$")


def one_span_per_file(findings: Findings) -> None:
    """Let the records of one file of CloudTrail or EventBridge make one span; others stay as they are.

    Files that follow each other are joined later (`merge.coverage`), once all are there.
    """
    others = [row for row in findings.coverage if row["source"] not in _STREAMS]
    rows = (row for row in findings.coverage if row["source"] in _STREAMS)
    findings.coverage = [*others, *_per_file(sorted(rows, key=_order))]


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
    spans: dict[tuple[str, str], Row] = {}
    for row in rows:
        file = _POSITION.sub("", row["source_ref"])
        span = spans.setdefault((row["source"], file), {**row, "source_ref": file})
        span["covered_to"] = max(span["covered_to"], row["covered_to"])
    return list(spans.values())
