"""CloudWatch: the load balancer's own counts per minute, to check the log against.

Reads ``get-metric-data``. Its answers do not name what they count: the label does, as
``app/shop/50dc6c495c0c9188 HTTPCode_ELB_502_Count`` or ``app/shop/… targetgroup/web/… HealthyHostCount``.
"""

from datetime import datetime

from pipeline.timeline.base import Document, Findings
from pipeline.timeline.cloudwatch_fetch import fetch
from pipeline.timeline.instants import read_instant
from pipeline.timeline.shapes import Record, records, text

__all__ = ["NAME", "fetch", "parse", "reads"]

NAME = "cloudwatch"

_WORDS = (2, 3)


def reads(document: Document) -> bool:
    """Whether the document is a page of ``get-metric-data``."""
    return "MetricDataResults" in document.value


def parse(document: Document, findings: Findings) -> None:
    """Add one row of `metrics` per minute and metric."""
    for ref, result in records(document, "MetricDataResults", findings):
        words = (text(result, "Label") or "").split()
        if len(words) not in _WORDS or not words[0].startswith("app/"):
            continue  # somebody's own query, of another service or under labels of their own
        path, *group, metric = words
        for at, value in _points(result, ref, findings):
            findings.metric(path, group[0] if group else None, metric, at, value)


def _points(result: Record, ref: str, findings: Findings) -> list[tuple[datetime, float]]:
    times, values = result.get("Timestamps"), result.get("Values")
    if not isinstance(times, list) or not isinstance(values, list) or len(times) != len(values):
        findings.problem(ref, "Timestamps and Values are no lists of equal length")
        return []
    points = []
    for at, value in zip(times, values, strict=True):
        try:
            points.append((read_instant(at), float(value)))
        except (ValueError, TypeError) as error:
            findings.problem(ref, f"point {at!r}, {value!r} is none ({error})")
    return points
