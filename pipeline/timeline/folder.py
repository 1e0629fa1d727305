"""Reads folders of dumps into the tables `events`, `coverage`, `settings` and `metrics`."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from pipeline.errors import SourceError
from pipeline.model import COVERAGE, EVENTS, METRICS, SETTINGS
from pipeline.redaction import Redaction
from pipeline.timeline.base import Document, Findings, Problem
from pipeline.timeline.coverage import join_streams, watch_until_written
from pipeline.timeline.documents import read_documents
from pipeline.timeline.node_groups import name_node_groups
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.registry import SOURCES
from pipeline.timeline.settings import settle


@dataclass(frozen=True)
class Timeline:
    """What a folder tells.

    Attributes:
        events: rows of `events`, by time; instants UTC.
        coverage: rows of `coverage`.
        settings: rows of `settings`.
        metrics: rows of `metrics`.
        problems: what could not be used, with file and record.
        documents: JSON objects that a source recognised.
        sources: names of the sources that recognised one.
    """

    events: pl.DataFrame
    coverage: pl.DataFrame
    settings: pl.DataFrame
    metrics: pl.DataFrame
    problems: list[Problem]
    documents: int
    sources: frozenset[str]

    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables by name."""
        tables = {
            EVENTS: self.events,
            COVERAGE: self.coverage,
            SETTINGS: self.settings,
            METRICS: self.metrics,
        }
        return {table.name: rows for table, rows in tables.items()}


def read_timeline(*paths: Path, redaction: Redaction | None = None) -> Timeline:
    """Read every dump under the folders; a bad file costs itself only, and is a problem.

    Args:
        paths: folders of JSON as the AWS CLI, CloudTrail, EventBridge and kubectl write it; or one such file.
        redaction: how people are taken out of what is read; None: not at all.

    Raises:
        SourceError: there is no such folder.
    """
    refuse_missing(*paths)
    findings = Findings()
    documents, names = 0, set[str]()
    unknown: dict[str, str] = {}
    written: dict[str, datetime] = {}
    scrubber = None if redaction is None else Scrubber(redaction)
    for document in (one for path in paths for one in read_documents(path, findings, scrubber)):
        found = _parse(document, findings)
        written[document.ref.partition("#")[0]] = document.read_at
        documents += bool(found)
        names |= found
        if not found:
            unknown.setdefault(document.ref.partition("#")[0], ", ".join(list(document.value)[:5]))
    for file, keys in unknown.items():
        findings.problem(file, f"no known kind of dump (top keys: {keys[:200] or 'none'})", is_loss=False)
    if not documents:
        findings.problem(", ".join(map(str, paths)), "holds no known kind of dump")
    watch_until_written(findings, written)
    return _timeline(findings, documents, frozenset(names))


def refuse_missing(*paths: Path) -> None:
    """Stop before anything else is done when there is nothing to read.

    Raises:
        SourceError: there is no such folder or file.
    """
    for path in paths:
        if not path.exists():
            raise SourceError(f"no timeline folder {path}: check --timeline")


def _parse(document: Document, findings: Findings) -> set[str]:
    """Names of the sources that recognised the document; a merged one may feed several."""
    found = {source.NAME: source for source in SOURCES if source.reads(document)}
    known = len(findings.coverage)
    for source in found.values():
        source.parse(document, findings)
    if document.is_collected:  # a page tells less than was asked: the collection's record says what that was
        del findings.coverage[known:]
    return set(found)


def _timeline(findings: Findings, documents: int, names: frozenset[str]) -> Timeline:
    name_node_groups(findings)
    settle(findings)
    join_streams(findings)
    return Timeline(
        events=findings.events_frame(),
        coverage=findings.coverage_frame(),
        settings=findings.settings_frame(),
        metrics=findings.metrics_frame(),
        problems=findings.problems,
        documents=documents,
        sources=names,
    )
