"""What a stretch of lines became: rows and rejects."""

from dataclasses import dataclass, field

import pyarrow as pa

from pipeline.ingest.layout import KEPT
from pipeline.model import REJECTED_LINES


@dataclass(frozen=True)
class Reject:
    """A line that is no entry; ``raw`` holds at most its first 64 KiB."""

    line_number: int
    field: str | None
    reason: str
    raw: bytes


@dataclass(frozen=True)
class Origin:
    """Where lines come from: the object, and the load balancer and its node that the key names."""

    object_key: str
    node_ip: str | None = None
    load_balancer: str | None = None


@dataclass
class Parsed:
    """Rows (tables of the schema of one kind of log) and rejects; ``rows + rejects = lines``."""

    lines: int
    tables: list[pa.Table] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    field_counts: dict[int, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows in all tables."""
        return sum(table.num_rows for table in self.tables)


def reject(number: int, name: str | None, reason: str, line: bytes) -> Reject:
    """A reject with the line's first 64 KiB."""
    return Reject(number, name, reason, bytes(line[:KEPT]))


def rejects_table(object_key: str, rejects: list[Reject]) -> pa.Table:
    """Rows of the table `rejected_lines`."""
    return pa.table(
        {
            "object_key": [object_key] * len(rejects),
            "line_number": [one.line_number for one in rejects],
            "field": [one.field for one in rejects],
            "reason": [one.reason for one in rejects],
            "raw": [one.raw for one in rejects],
        },
        schema=REJECTED_LINES.schema,
    )
