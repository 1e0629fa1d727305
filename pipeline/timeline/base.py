"""What every timeline source shares: the document it reads and the findings it adds to.

A source is a module with ``NAME``, ``reads(document)`` and ``parse(document, findings)``; the registry
lists them. Parsing never raises on bad input: it reports a problem that names file and record, and goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol

import polars as pl

from pipeline.model import COVERAGE, EVENTS, METRICS, SETTINGS, EventKind, Table
from pipeline.timeline import merge


@dataclass(frozen=True)
class Document:
    """One JSON value out of a file.

    Attributes:
        ref: file and position, for people: ``pods.json#2``.
        name: file name without ``.json``/``.gz``, as it may carry a resource's name after a dot.
        value: the decoded object.
        read_at: when a snapshot was taken, at the latest, UTC: the file's modification time, or what the
            collection that the file belongs to says.
        is_collected: part of a live collection, whose record says what was observed.
    """

    ref: str
    name: str
    value: Mapping[str, Any]
    read_at: datetime
    is_collected: bool = False


@dataclass(frozen=True)
class Problem:
    """Something in a dump that could not be used."""

    ref: str
    what: str
    is_loss: bool = True
    """Evidence was lost; False: the content is merely of no use here."""


@dataclass
class Findings:
    """Rows collected from all sources, in the schemas of `events`, `coverage`, `settings` and `metrics`."""

    events: list[dict[str, Any]] = field(default_factory=list)
    coverage: list[dict[str, Any]] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def event(  # noqa: D417 - the further columns are those of EVENTS
        self,
        kind: EventKind,
        occurred_at: datetime,
        *,
        source: str,
        own_id: str,
        source_ref: str,
        uncertainty_s: float = 1.0,
        **columns: Any,  # noqa: ANN401 - any column of EVENTS
    ) -> str:
        """Add one event and return its id.

        Args:
            kind: what happened.
            occurred_at: when, timezone-aware.
            source: source module, e.g. ``cloudtrail``.
            own_id: the source's own identity of the record: reading it twice gives the same event id.
            source_ref: file and record.
            uncertainty_s: half width of the interval in which it happened, seconds.
        """
        identity = f"{source}|{kind}|{own_id}".encode(errors="replace")
        event_id = blake2b(identity, digest_size=8).hexdigest()
        self.events.append(
            {
                "event_id": event_id,
                "occurred_at": occurred_at,
                "uncertainty_s": uncertainty_s,
                "source": source,
                "kind": str(kind),
                "source_ref": source_ref,
                **columns,
            }
        )
        return event_id

    def covered(
        self,
        source: str,
        covered_from: datetime,
        covered_to: datetime,
        source_ref: str,
        *,
        account: str | None = None,
        region: str | None = None,
    ) -> None:
        """Say that ``source`` really observed the span, so that no event means none happened.

        Where the source says of which account and region it tells, it says nothing of others.
        """
        self.coverage.append(
            {
                "source": source,
                "covered_from": covered_from,
                "covered_to": covered_to,
                "source_ref": source_ref,
                "account": account,
                "region": region,
            }
        )

    def setting(
        self,
        resource: str,
        setting: str,
        value: str,
        *,
        source: str,
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
        read_at: datetime | None = None,
    ) -> None:
        """Add one value of a setting with the interval in which it was in force (None: open).

        A snapshot leaves both ends open and says when it was read (``read_at``, no column of the table):
        from several snapshots, and from changes with a ``valid_from``, `settings.settle` makes the history.
        """
        self.settings.append(
            {
                "resource": resource,
                "setting": setting,
                "value": value,
                "valid_from": valid_from,
                "valid_to": valid_to,
                "source": source,
                "read_at": read_at,
            }
        )

    def metric(self, elb: str, target_group: str | None, metric: str, minute: datetime, value: float) -> None:
        """Add what CloudWatch counted in one minute."""
        self.metrics.append(
            {"elb": elb, "target_group": target_group, "metric": metric, "minute": minute, "value": value}
        )

    def problem(self, ref: str, what: str, *, is_loss: bool = True) -> None:
        """Report something that could not be used."""
        self.problems.append(Problem(ref, what, is_loss))

    def events_frame(self) -> pl.DataFrame:
        """Rows of `events`: one per event id (the same record in two files is one event), by time."""
        return merge.events(frame(EVENTS, self.events))

    def coverage_frame(self) -> pl.DataFrame:
        """Rows of `coverage`."""
        return frame(COVERAGE, self.coverage).sort("source", "covered_from")

    def settings_frame(self) -> pl.DataFrame:
        """Rows of `settings`."""
        return merge.settings(frame(SETTINGS, self.settings))

    def metrics_frame(self) -> pl.DataFrame:
        """Rows of `metrics`: one per minute, however many pages tell it."""
        return merge.metrics(frame(METRICS, self.metrics))


class Source(Protocol):
    """A timeline source: recognises documents by shape and parses them."""

    NAME: str

    def reads(self, document: Document) -> bool:
        """Whether the document has a shape of this source."""
        ...

    def parse(self, document: Document, findings: Findings) -> None:
        """Add what the document says."""
        ...


def frame(table: Table, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows with missing columns filled, in exactly the table's schema."""
    empty = pl.DataFrame(table.empty())
    return pl.DataFrame([_encodable(row) for row in rows], schema=empty.schema) if rows else empty


def _encodable(row: dict[str, Any]) -> dict[str, Any]:
    """Replace lone halves of surrogate pairs, which JSON may hold and UTF-8 may not."""
    if all(value.isascii() for value in row.values() if isinstance(value, str)):
        return row
    return {
        name: value.encode(errors="replace").decode()
        if isinstance(value, str) and not value.isascii()
        else value
        for name, value in row.items()
    }
