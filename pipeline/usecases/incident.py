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
from pipeline.engine.duckdb import Engine
from pipeline.errors import RejectedLinesError, SourceError, UsageError
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import PullSummary, pull
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
from pipeline.timeline import archive, health_checks
from pipeline.timeline.base import Problem
from pipeline.timeline.clocks import disagreements
from pipeline.timeline.collection import Collection, refuse_full
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.lifetimes import reconcile
from pipeline.usecases import live
from pipeline.usecases.live import bounds
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
        collection: what was asked of AWS, None when nothing was.
    """

    engine: Engine
    attributions: pl.DataFrame
    pulled: PullSummary | None
    problems: list[Problem]
    requests: int
    discovered: str | None = None
    collection: Collection | None = None

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
    the last day (or of the window) are read into a temporary lake.

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
            store = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forensics-")))
        lake = stack.enter_context(Lake.open(store))
        pulled = None
        if place is not None:
            pulled = pull(
                place.uri,
                lake,
                question.window,
                load_balancer=question.load_balancer,
                progress=progress,
                workers=settings.threads,
                s3=place.s3,
            )
            refuse_nothing(pulled, place.uri, question.window, question.load_balancer)
            refuse_too_many_rejects(pulled, settings.max_reject_share)
        engine = stack.enter_context(Engine(settings.memory_limit, settings.threads))
        attach_logs(engine, lake, question)
        collection, pages = None, None
        if asks_aws:
            pages = question.keep_pages or Path(stack.enter_context(_temporary())) / "pages"
            collection = live.collect(engine, question.window, question.load_balancer, settings, pages)
        problems = _attach_timeline(engine, [question.timeline, pages], store)
        problems += live.missing_log_lines(engine, question.window)
        verdicts = attribute(engine, question.window, question.as_of)
        examine(engine, question.window)
        engine.keep("traffic", "marts/traffic", bounds(question.window))
        engine.keep("neighbouring_errors", "marts/neighbouring_errors", bounds(question.window))
        requests = engine.frame("marts/requests_in_window", bounds(question.window))["requests"].item()
        discovered = place.uri if place is not None and place.is_discovered else None
        yield Incident(engine, verdicts.attributions, pulled, problems, requests, discovered, collection)


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
        engine.attach_parquet(REQUESTS, lake.request_files(wider, question.load_balancer))
        engine.attach_parquet(REQUESTS, lake.error_files(wider, question.load_balancer), name="error_rows")
        engine.attach_parquet(CONNECTIONS, lake.connection_files(wider, question.load_balancer))
        engine.attach_parquet(HEALTH_CHECKS, lake.health_check_files(wider, question.load_balancer))
        engine.attach_parquet(REJECTED_LINES, lake.rejected_files())
        engine.attach(OBJECTS.name, lake.objects())
        engine.attach(FIELD_LAYOUTS.name, lake.field_layouts())


def refuse_nothing(pulled: PullSummary, logs: str, window: Window, load_balancer: str | None = None) -> None:
    """Stop when there are no logs at all: that is a wrong place, not a quiet day.

    Raises:
        SourceError: nothing there is an ALB log object.
    """
    left_out = sum(pulled.left_out.values())
    if pulled.listed == left_out:
        others = ", ".join(f"{count} {kind}" for kind, count in sorted(pulled.left_out.items()))
        whose = f" of {load_balancer}" if load_balancer else ""
        when = "" if window == Window() else " around the time asked for"
        raise SourceError(
            f"{logs} holds no ALB logs{whose}{when}"
            + (f" (only {others})" if others else "")
            + "; expected objects such as AWSLogs/<account>/elasticloadbalancing/<region>/.../*.log.gz, "
            "or *.log and *.log.gz files"
        )


def refuse_too_many_rejects(pulled: PullSummary, max_share: float) -> None:
    """Stop when the logs are mostly not ALB logs.

    Raises:
        RejectedLinesError: the share of rejected lines is above ``max_share``.
    """
    if pulled.lines and pulled.rejected / pulled.lines > max_share:
        raise RejectedLinesError(
            f"{pulled.rejected:,} of {pulled.lines:,} lines are no ALB log entries "
            f"({pulled.rejected / pulled.lines:.1%}, allowed {max_share:.1%}); is this the right folder? "
            "forensics pull keeps them with their reasons in rejected_lines; --max-reject-share allows more"
        )


def _attach_timeline(engine: Engine, folders: Sequence[Path | None], store: Path) -> list[Problem]:
    problems: list[Problem] = []
    frames = archive.recall_all(store)
    given = [folder for folder in folders if folder is not None]
    if given:
        timeline = read_timeline(*given)
        problems = timeline.problems
        frames = timeline.frames()
    checked = health_checks.observed(engine.frame("intermediate/check_runs"), frames["settings"])
    frames[EVENTS.name] = pl.concat([frames[EVENTS.name], checked.events_frame()])
    frames[COVERAGE.name] = pl.concat([frames[COVERAGE.name], checked.coverage_frame()])
    for name, rows in frames.items():
        engine.attach(name, rows)
    sightings = observe_traffic(engine)
    problems = [*problems, *checked.problems, *disagreements(frames["events"], sightings)]
    engine.attach(LIFETIMES.name, reconcile(frames["events"], frames["settings"], sightings))
    return problems


def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="forensics-")
