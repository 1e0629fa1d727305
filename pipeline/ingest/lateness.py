"""How late logs come: when an object was written against the end of the interval that its name tells."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipeline.ingest import keys
from pipeline.ingest.source import Candidate


@dataclass(frozen=True)
class Lateness:
    """Of the objects that were looked at.

    Attributes:
        objects: how many name an interval and tell when they were written.
        newest: end of the newest interval, UTC; None without any.
        median_s: half of them came within so many seconds of the end of their interval.
        p95_s: 95 % did.
        worst_s: all did.
        kinds: objects by kind of log.
    """

    objects: int
    newest: datetime | None
    median_s: float
    p95_s: float
    worst_s: float
    kinds: dict[str, int]


def of(candidates: Iterable[Candidate]) -> Lateness:
    """Read names and times of the objects that a source lists."""
    late: list[float] = []
    ends: list[datetime] = []
    kinds: dict[str, int] = {}
    for one in candidates:
        kind = keys.kind(one.object_key)
        kinds[kind] = kinds.get(kind, 0) + 1
        named = keys.parse(one.object_key)
        if named is None or one.written_at is None:
            continue
        ends.append(named.end)
        late.append((one.written_at - named.end).total_seconds())
    median, p95, worst = np.quantile(late, [0.5, 0.95, 1.0]).tolist() if late else (0.0, 0.0, 0.0)
    return Lateness(len(late), max(ends, default=None), median, p95, worst, kinds)
