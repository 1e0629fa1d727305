"""What can be seen from here, on a terminal and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline.report import wording
from pipeline.report.safety import visible

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

JSON_SCHEMA = 1
"""Raised when a field of the JSON document changes its meaning or goes."""

_WELL, _ILL = "✓", "✗"


class Line(Protocol):
    """One source, and what it showed."""

    @property
    def name(self) -> str:
        """What was looked at."""
        ...

    @property
    def is_well(self) -> bool:
        """It answered, and lacks nothing."""
        ...

    @property
    def told(self) -> str:
        """A sentence."""
        ...


class Watched(Protocol):
    """What a family of sources covers."""

    @property
    def family(self) -> str:
        """Nodes, pods or deregistrations."""
        ...

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources that were found."""
        ...

    @property
    def share(self) -> float:
        """Share of the last day that one of them watched."""
        ...

    @property
    def last_event_at(self) -> datetime | None:
        """The newest event, UTC."""
        ...

    @property
    def cost(self) -> str:
        """What verdicts lose without it."""
        ...


class Observed(Protocol):
    """What one source covers."""

    @property
    def source(self) -> str:
        """As in `coverage`."""
        ...

    @property
    def place(self) -> str | None:
        """Account and region."""
        ...

    @property
    def covered_from(self) -> datetime:
        """First instant observed, UTC."""
        ...

    @property
    def covered_to(self) -> datetime:
        """Last one."""
        ...

    @property
    def share(self) -> float:
        """Share of the last day that was observed."""
        ...

    @property
    def last_event_at(self) -> datetime | None:
        """The newest event, UTC."""
        ...


class Diagnosis(Protocol):
    """Everything that was found out."""

    @property
    def logs(self) -> Sequence[Line]:
        """Logs and the store."""
        ...

    @property
    def aws(self) -> Sequence[Line]:
        """AWS, one line per action."""
        ...

    @property
    def cluster(self) -> Sequence[Line]:
        """Kubernetes, one line per resource."""
        ...

    @property
    def watched(self) -> Sequence[Watched]:
        """Coverage of the timeline."""
        ...

    @property
    def observed(self) -> Sequence[Observed]:
        """The same source by source."""
        ...


def render(found: Diagnosis, console: Console) -> None:
    """Section by section; what lacks something carries a cross."""
    for title, lines in (("Logs", found.logs), ("AWS", found.aws), ("Kubernetes", found.cluster)):
        if lines:
            console.print(Text(title, style="bold"))
            for line in lines:
                _say(console, f"{line.name}: {line.told}", is_well=line.is_well)
            console.print()
    console.print(Text("Timeline, the last 24 h of it", style="bold"))
    for one in found.watched:
        _say(console, _watched(one), is_well=one.share > 0)
    if found.observed:
        console.print()
        console.print(Text("Its sources, as far as they reach", style="bold"))
    for source in found.observed:
        _say(console, _observed(source), is_well=True)


def _observed(one: Observed) -> str:
    where = f" ({one.place})" if one.place else ""
    span = f"{wording.instant(one.covered_from)} to {wording.instant(one.covered_to)} UTC"
    last = f"last event {wording.instant(one.last_event_at)} UTC" if one.last_event_at else "no event"
    return f"{one.source}{where}: {span}, {wording.percent(one.share)} of the last 24 h; {last}"


def _watched(one: Watched) -> str:
    if not one.sources:
        return f"{one.family}: not watched; {one.cost}"
    last = f"; last event {wording.instant(one.last_event_at)} UTC" if one.last_event_at else "; no event"
    told = f"{one.family}: {wording.percent(one.share)} watched by {', '.join(one.sources)}{last}"
    return told if one.share >= 1 else f"{told}; {one.cost}"


def _say(console: Console, text: str, *, is_well: bool) -> None:
    line = Text(f"{_WELL if is_well else _ILL} {visible(text)}")
    console.print(Padding(line, (0, 0, 0, 2)))


def write_json(found: "DataclassInstance", to: BinaryIO) -> None:
    """One JSON document, pure ASCII."""
    document = {"schema": JSON_SCHEMA, **asdict(found)}
    to.write(json.dumps(document, indent=2, default=_as_text).encode() + b"\n")


def _as_text(value: Any) -> str:  # noqa: ANN401 - as json calls it
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(type(value).__name__)
