"""The common ground of attribute, report, explain and sql: logs and timeline, joined and attributed."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from pipeline.attribute.run import attribute, examine, observe_traffic
from pipeline.attribute.verdicts import INSUFFICIENT
from pipeline.config import Settings
from pipeline.engine import Engine
from pipeline.errors import UsageError
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import PullSummary
from pipeline.model import (
    CONNECTIONS,
    COVERAGE,
    EVENTS,
    FIELD_LAYOUTS,
    HEALTH_CHECKS,
    LIFETIMES,
    OBJECTS,
    REJECTED_LINES,
    REQUESTS,
    Window,
)
from pipeline.redaction import Redaction
from pipeline.timeline import archive, health_checks
from pipeline.timeline.base import Findings, Problem
from pipeline.timeline.clocks import disagreements
from pipeline.timeline.collection import Collection, refuse_full
from pipeline.timeline.folder import KEPT, read_timeline
from pipeline.timeline.lifetimes import reconcile
from pipeline.usecases import engines, live, privacy
from pipeline.usecases.live import bounds
from pipeline.usecases.reading import read, refuse_nothing, refuse_too_many_rejects, refuse_unread
from pipeline.usecases.whence import Whence, recent, whence

LOOK_BACK = timedelta(minutes=25)
"""Requests before the window tell how long a pair had been idle."""
LOOK_AHEAD = timedelta(minutes=10)
"""Requests after it tell what else failed with the last errors."""

Progress = Callable[[PullSummary, int], None]


@dataclass(frozen=True)
class Question:
    """What is asked: which logs, which timeline, which time, which load balancer.

    Attributes:
        aws: whether to collect the timeline from AWS; None: where a load balancer is all that is given.
        keep_pages: new folder for what AWS answered, to be replayed as ``timeline``.
        as_of: the instant that it is, which decides what is provisional; None: now.
    """

    logs: str | None = None
    timeline: Path | None = None
    window: Window = field(default_factory=Window)
    load_balancer: str | None = None
    aws: bool | None = None
    keep_pages: Path | None = None
    as_of: datetime | None = None

    @property
    def is_closed(self) -> bool:
        """Whether logs and timeline are both named and AWS is not asked: then nothing else is read.

        Such an incident gives the same answer anywhere. Any other question is also answered from the history
        in the store.
        """
        return self.logs is not None and self.timeline is not None and not self.aws

    def asks_aws(self, *, has_store: bool) -> bool:
        """Whether the timeline is to be collected from AWS.

        Raises:
            UsageError: pages are to be kept of nothing, or among others.
        """
        alone = self.load_balancer is not None and self.logs is None and self.timeline is None
        asks = self.aws if self.aws is not None else alone and not has_store
        if self.keep_pages is not None and not asks:
            raise UsageError("--keep-pages keeps what AWS answers, and --no-aws asks nothing: leave one out")
        if self.keep_pages is not None:
            refuse_full(self.keep_pages)
        return asks


@dataclass(frozen=True)
class Incident:
    """The answer: everything is in the engine's tables; these are the small ones.

    Attributes:
        engine: holds `requests`, `events`, `lifetimes`, `gateway_errors`, `candidates`, `attributions`, ...
        attributions: rows of `attributions`.
        pulled: what this run read, None when it read only the lake.
        problems: parts of the timeline that could not be used.
        requests: lines in the window.
        discovered: where the load balancer said that its logs are, when it was asked.
        collections: what was asked of AWS, per account and region; empty when nothing was.
    """

    engine: Engine
    attributions: pl.DataFrame
    pulled: PullSummary | None
    problems: list[Problem]
    requests: int
    discovered: str | None = None
    collections: Sequence[Collection] = ()

    @property
    def is_incomplete(self) -> bool:
        """Whether something that the answer needs was missing or damaged."""
        damaged = self.pulled is not None and bool(self.pulled.problems)
        undecided = (self.attributions["cause"] == INSUFFICIENT).any()
        lost = any(problem.is_loss for problem in self.problems)
        return damaged or lost or bool(undecided)


@contextmanager
def investigate(
    question: Question, settings: Settings, progress: Progress | None = None
) -> Iterator[Incident]:
    """Read what is asked for, attribute every gateway error, and hand out the tables.

    With logs given they are read into a temporary lake. Without, the store is asked; when it holds none of
    the load balancer asked for in that time, the load balancer is asked where its logs are, and those of
    the last day (or of the window) are read into a temporary lake. The timeline is what folders, AWS and the
    store's history tell together, unless the question is closed.

    Raises:
        SourceError: logs or timeline cannot be reached.
        UsageError: neither logs nor a load balancer is given, and the store holds nothing.
        RejectedLinesError: more lines were rejected than the settings allow.
    """
    with ExitStack() as stack:
        place = _place(question, settings)
        if place is not None and place.is_discovered:
            question = replace(question, window=recent(question.window))
        store = settings.store
        asks_aws = question.asks_aws(has_store=place is None)
        if place is not None:
            store = Path(stack.enter_context(_temporary(engines.shared_folder(settings, question.logs))))
        engine = stack.enter_context(engines.opened(settings))
        lake = stack.enter_context(Lake.open(store, engines.rows_at(engine) if place is not None else None))
        pulled = None
        redaction = _redaction(lake, question, settings, is_temporary=place is not None, asks_aws=asks_aws)
        if place is not None:
            pulled = read(
                place,
                lake,
                question.window,
                question.load_balancer,
                settings,
                progress,
                engines.spreader(engine),
            )
            refuse_unread(place, pulled)
            refuse_nothing(place, pulled, question.window, question.load_balancer)
            refuse_too_many_rejects(pulled, settings.max_reject_share)
        attach_logs(engine, lake, question)
        collections, pages = list[Collection](), None
        if asks_aws:
            pages = question.keep_pages or Path(stack.enter_context(_temporary())) / "pages"
            collections = live.collect(
                engine, question.window, question.load_balancer, settings, pages, redaction
            )
        history = None if question.is_closed else settings.store
        if question.keep_pages is not None and history is not None:
            _keep_history(history, question.keep_pages)
        problems = _attach_timeline(engine, [question.timeline, pages], history, redaction)
        problems += live.missing_log_lines(engine, question.window)
        verdicts = attribute(engine, question.window, question.as_of)
        examine(engine, question.window)
        engine.keep("traffic", "marts/traffic", bounds(question.window))
        engine.keep("neighbouring_errors", "marts/neighbouring_errors", bounds(question.window))
        requests = engine.frame("marts/requests_in_window", bounds(question.window))["requests"].item()
        discovered = place.discovered if place is not None else None
        yield Incident(engine, verdicts.attributions, pulled, problems, requests, discovered, collections)


def _redaction(
    lake: Lake, question: Question, settings: Settings, *, is_temporary: bool, asks_aws: bool
) -> Redaction | None:
    """How what is read now is redacted: as the settings say, or as the store is that answers."""
    if is_temporary:
        return privacy.fill(lake, settings)
    return privacy.beside(lake, settings) if asks_aws or question.timeline is not None else None


def _place(question: Question, settings: Settings) -> Whence | None:
    """Where logs have to be read; None when the store can answer."""
    if question.logs is None and _has_logs(settings.store, question):
        return None
    return whence(question.logs, question.load_balancer, settings)


def _has_logs(store: Path, question: Question) -> bool:
    if not (store / "ledger.sqlite").exists():
        return False
    if question.load_balancer is None:
        return True
    with Lake.open(store) as lake:
        return bool(lake.request_files(question.window, question.load_balancer))


def attach_logs(engine: Engine, lake: Lake, question: Question) -> None:
    """Views over the files of `requests`, `connections`, ... and over the ledger, by the names of tables."""
    wider = Window(
        question.window.since and question.window.since - LOOK_BACK,
        question.window.until and question.window.until + LOOK_AHEAD,
    )
    with lake.snapshot():
        for table, name, files in (
            (REQUESTS, None, lake.request_files),
            (REQUESTS, "error_rows", lake.error_files),
            (CONNECTIONS, None, lake.connection_files),
            (HEALTH_CHECKS, None, lake.health_check_files),
        ):
            engine.attach_parquet(table, files(wider, question.load_balancer), name, wider)
        engine.attach_parquet(REJECTED_LINES, lake.rejected_files())
        engine.attach(OBJECTS.name, lake.objects())
        engine.attach(FIELD_LAYOUTS.name, lake.field_layouts())


def _keep_history(store: Path, pages: Path) -> None:
    """Put what the store tells beside the pages: they then replay the run anywhere.

    Raises:
        StoreError: the folder cannot be written.
    """
    archive.keep(pages / KEPT, archive.recall(store, Findings()))


def _attach_timeline(
    engine: Engine, folders: Sequence[Path | None], history: Path | None, redaction: Redaction | None
) -> list[Problem]:
    given = [folder for folder in folders if folder is not None]
    timeline = read_timeline(*given, store=history, redaction=redaction)
    frames = timeline.frames()
    checked = health_checks.observed(engine.frame("intermediate/check_runs"), frames["settings"])
    frames[EVENTS.name] = pl.concat([frames[EVENTS.name], checked.events_frame()])
    frames[COVERAGE.name] = pl.concat([frames[COVERAGE.name], checked.coverage_frame()])
    for name, rows in frames.items():
        engine.attach(name, rows)
    sightings = observe_traffic(engine)
    problems = [*timeline.problems, *checked.problems, *disagreements(frames["events"], sightings)]
    engine.attach(LIFETIMES.name, reconcile(frames["events"], frames["settings"], sightings))
    return problems


def _temporary(within: str | None = None) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="forensics-", dir=within)
