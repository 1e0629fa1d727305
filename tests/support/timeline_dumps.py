"""Dumps for the timeline tests: documents, files, and what a parse found."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.timeline.base import Document, Findings
from pipeline.timeline.registry import SOURCES

FIXTURES = Path(__file__).parents[2] / "fixtures" / "timeline" / "recorded"
READ_AT = datetime(2026, 3, 3, 12, tzinfo=UTC)
SHOP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/shop/50dc6c495c0c9188"
WEB = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web-30080/943f017f100becff"
API = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/api-30081/aaaa017f100becff"


def at(clock: str, day: int = 2) -> datetime:
    """A time of day in March 2026, UTC."""
    return datetime.fromisoformat(f"2026-03-{day:02d}T{clock}+00:00")


def parsed(value: dict[str, Any], name: str = "dump") -> Findings:
    """What all sources find in one document."""
    findings = Findings()
    document = Document(f"{name}.json", name, value, READ_AT)
    for source in SOURCES:
        if source.reads(document):
            source.parse(document, findings)
    return findings


def recorded(name: str) -> Findings:
    """What all sources find in a page of the fixtures."""
    return parsed(json.loads((FIXTURES / f"{name}.json").read_text()), name)


def told(findings: Findings, *columns: str) -> list[tuple[Any, ...]]:
    """The chosen columns of all events, by time, kind and the columns themselves."""
    rows = sorted(findings.events, key=lambda row: (row["occurred_at"], row["kind"]))
    return [tuple(row.get(column) for column in columns) for row in rows]


def write(folder: Path, name: str, value: object, read_at: datetime = READ_AT) -> Path:
    """Write a dump whose file time is when it was read."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    os.utime(path, (read_at.timestamp(), read_at.timestamp()))
    return path
