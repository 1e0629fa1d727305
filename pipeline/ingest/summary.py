"""What one pull did."""

from dataclasses import dataclass, field

from pipeline.ingest.several import Refusal


@dataclass(frozen=True)
class ObjectProblem:
    """An object that could not be read, or not to its end."""

    object_key: str
    reason: str


@dataclass
class Layout:
    """A number of fields that is news: the object in which it was first seen, and rows in all."""

    first_object: str
    rows: int = 0


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
    refusals: dict[str, Refusal] = field(default_factory=dict)
    """Places of several that could not be read, by their URI."""
    rows_of: dict[str, int] = field(default_factory=dict)
    """Rows by the table that they are in."""
    new_layouts: dict[tuple[str, int], Layout] = field(default_factory=dict)
    """Kinds of log and numbers of fields that AWS does not document."""

    def add(self, part: "PullSummary") -> None:
        """Count in what was read of the objects elsewhere."""
        for name in ("already_known", "ingested", "lines", "rows", "rejected", "compressed_bytes"):
            setattr(self, name, getattr(self, name) + getattr(part, name))
        self.problems += part.problems
        for mine, theirs in ((self.left_out, part.left_out), (self.rows_of, part.rows_of)):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        for kind, layout in part.new_layouts.items():
            self.new_layouts.setdefault(kind, Layout(layout.first_object)).rows += layout.rows
        for place, refusal in part.refusals.items():
            self.refusals.setdefault(place, Refusal(refusal.problem)).objects += refusal.objects
