"""Reads folders of dumps, and what the store kept, into `events`, `coverage`, `settings` and `metrics`."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path, PurePath

import polars as pl

from pipeline.errors import SourceError
from pipeline.model import COVERAGE, EVENTS, METRICS, SETTINGS
from pipeline.redaction import Redaction
from pipeline.timeline import archive, merge, reused
from pipeline.timeline.archive import Told
from pipeline.timeline.base import Document, Findings, Problem
from pipeline.timeline.coverage import one_span_per_file, watch_until_written
from pipeline.timeline.decode import LISTS
from pipeline.timeline.documents import read_documents
from pipeline.timeline.kubernetes import NAME as KUBERNETES
from pipeline.timeline.node_groups import with_node_groups
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.registry import SOURCES
from pipeline.timeline.settings import Row, name_by_own_listing, settle

_OF_PODS = (pl.col("source") == KUBERNETES) & pl.col("resource").str.starts_with("pod/")
"""Settings that nothing else tells, and most of all: there is nothing to settle about them."""
KEPT = "history"
"""Folder below collected pages: what the store told beside them, so that the pages alone replay the run."""


@dataclass(frozen=True)
class Timeline:
    """What folders and store tell.

    Attributes:
        events: rows of `events`, by time; instants UTC.
        coverage: rows of `coverage`.
        settings: rows of `settings`.
        metrics: rows of `metrics`.
        problems: what could not be used, with file and record.
        documents: JSON objects that a source recognised.
        sources: names of the sources that recognised one.
        told: what the folders alone told, as a store keeps it.
    """

    events: pl.DataFrame
    coverage: pl.DataFrame
    settings: pl.DataFrame
    metrics: pl.DataFrame
    problems: list[Problem]
    documents: int
    sources: frozenset[str]
    told: Told

    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables by name."""
        tables = {
            EVENTS: self.events,
            COVERAGE: self.coverage,
            SETTINGS: self.settings,
            METRICS: self.metrics,
        }
        return {table.name: rows for table, rows in tables.items()}


def read_timeline(*paths: Path, store: Path | None = None, redaction: Redaction | None = None) -> Timeline:
    """Read every dump under the folders; a bad file costs itself only, and is a problem.

    How the dumps are spread over folders and store makes no difference: what they tell of one thing is one.

    Args:
        paths: folders of JSON as the AWS CLI, CloudTrail, EventBridge and kubectl write it; or one such file.
        store: lake whose kept timeline is read as well.
        redaction: how people are taken out of what is read in the folders; None: not at all.

    Raises:
        SourceError: there is no such folder.
    """
    refuse_missing(*paths)
    reading = _Reading(None if redaction is None else Scrubber(redaction))
    told = _together([reading.folder(path) for path in paths])
    findings = reading.findings
    if paths and not reading.documents:
        findings.problem(", ".join(map(str, paths)), "holds no known kind of dump")
    kept = [archive.recall(path / KEPT, findings) for path in paths if (path / KEPT).is_dir()]
    kept += [archive.recall(store, findings)] if store is not None else []
    whole = _together([told, *kept])
    settings = whole[SETTINGS.name].unique()
    findings.settings = settings.filter(~_OF_PODS).to_dicts()
    events = with_node_groups(merge.events(whole[EVENTS.name]), findings.settings)
    settle(findings)
    return Timeline(
        events=events,
        coverage=merge.coverage(whole[COVERAGE.name]),
        settings=_with_pods(findings, settings.filter(_OF_PODS)),
        metrics=merge.metrics(whole[METRICS.name]),
        problems=findings.problems,
        documents=reading.documents,
        sources=frozenset(reading.sources),
        told=told,
    )


def _with_pods(findings: Findings, of_pods: pl.DataFrame) -> pl.DataFrame:
    settled = findings.settings_frame()
    return merge.settings(pl.concat([settled, of_pods.select(settled.columns)]))


def _together(several: Iterable[Told]) -> Told:
    empty = archive.told(Findings())
    found = [empty, *several]
    return {name: pl.concat([one[name] for one in found]) for name in empty}


def refuse_missing(*paths: Path) -> None:
    """Stop before anything else is done when there is nothing to read.

    Raises:
        SourceError: there is no such folder or file.
    """
    for path in paths:
        if not path.exists():
            raise SourceError(f"no timeline folder {path}: check --timeline")


class _Reading:
    """Folders while they are being read, one after the other."""

    def __init__(self, scrubber: Scrubber | None) -> None:
        self._scrubber = scrubber
        self.findings = Findings()
        """Takes the problems of all folders."""
        self.documents = 0
        self.sources = set[str]()

    def folder(self, path: Path) -> Told:
        """What one folder tells, not settled yet."""
        findings = Findings(problems=self.findings.problems)
        unknown: dict[str, list[str]] = {}
        written: dict[str, datetime] = {}
        collected: defaultdict[PurePath, list[Row]] = defaultdict(list)
        for document in read_documents(path, findings, self._scrubber):
            file = document.ref.partition("#")[0]
            known = len(findings.settings)
            found = _parse(document, findings)
            written[file] = document.read_at
            self.documents += bool(found)
            self.sources |= found
            if document.is_collected:
                collected[PurePath(file).parent] += findings.settings[known:]
            if not found:
                unknown.setdefault(file, list(document.value)[:5])
        for file, keys in unknown.items():
            _unknown(file, keys, findings)
        for rows in collected.values():
            name_by_own_listing(rows)
        reused.report(findings)
        watch_until_written(findings, written)
        one_span_per_file(findings)
        return archive.told(findings)


def _unknown(file: str, keys: list[str], findings: Findings) -> None:
    """A dump that no source reads; one whose key is nearly that of a known dump was meant to be one."""
    what = f"no known kind of dump (top keys: {', '.join(keys)[:200] or 'none'})"
    known = {key.lower(): key for key in LISTS.split() if key != "Instances"}  # alone it says nothing
    close = (get_close_matches(key.lower(), known, n=1, cutoff=0.75) for key in keys)
    near = [known[found] for several in close for found in several]
    hint = f"; is {near[0]} meant?" if near else ""
    findings.problem(file, f"{what}{hint}", is_loss=bool(near))


def _parse(document: Document, findings: Findings) -> set[str]:
    """Names of the sources that recognised the document; a merged one may feed several."""
    found = {source.NAME: source for source in SOURCES if source.reads(document)}
    known = len(findings.coverage)
    for source in found.values():
        source.parse(document, findings)
    if document.is_collected:  # a page tells less than was asked: the collection's record says what that was
        del findings.coverage[known:]
    return set(found)
