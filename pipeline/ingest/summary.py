"""What one pull did."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ObjectProblem:
    """An object that could not be read, or not to its end."""

    object_key: str
    reason: str


@dataclass
class PullSummary:
    """Counts of one pull, in objects and in lines; ``lines = rows + rejected``."""

    listed: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    """Objects by kind: those of :func:`pipeline.ingest.keys.kind`, and other_load_balancer."""
    already_known: int = 0
    outside_window: int = 0
    ingested: int = 0
    lines: int = 0
    rows: int = 0
    rejected: int = 0
    compressed_bytes: int = 0
    problems: list[ObjectProblem] = field(default_factory=list)
    field_counts: dict[int, int] = field(default_factory=dict)
    """Rows by the number of fields of their line."""
