"""The common ground of attribute, report, explain and sql: logs and timeline, joined and attributed."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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
from pipeline.ingest.s3_options import S3Options
from pipeline.model import COVERAGE, EVENTS, LIFETIMES, OBJECTS, REJECTED_LINES, REQUESTS, SETTINGS, Window
from pipeline.timeline import archive
from pipeline.timeline.base import Problem
from pipeline.timeline.clocks import disagreements
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.lifetimes import reconcile

LOOK_BACK = timedelta(minutes=25)
"""Requests before the window tell how long a pair had been idle."""
LOOK_AHEAD = timedelta(minutes=10)
"""Requests after it tell what else failed with the last errors."""

Progress = Callable[[PullSummary, int], None]


@dataclass(frozen=True)
class Question:
    """What is asked: which logs, which timeline, which time, which load balancer."""

    logs: str | None = None
    timeline: Path | None = None
    window: Window = field(default_factory=Window)
    load_balancer: str | None = None


@dataclass(frozen=True)
class Incident:
    """The answer: everything is in the engine's tables; these are the small ones.

    Attributes:
        engine: holds `requests`, `events`, `lifetimes`, `gateway_errors`, `candidates`, `attributions`, ...
        attributions: rows of `attributions`.
        pulled: what this run read, None when it read only the lake.
        problems: parts of the timeline that could not be used.
        requests: lines in the window.
    """

    engine: Engine
    attributions: pl.DataFrame
    pulled: PullSummary | None
    problems: list[Problem]
    requests: int

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

    With logs given they are read into a temporary lake; without, the store is asked.

    Raises:
        SourceError: logs or timeline cannot be reached.
        UsageError: neither logs are given nor does the store hold any.
        RejectedLinesError: more lines were rejected than the settings allow.
    """
    with ExitStack() as stack:
        store = settings.store
        if question.logs is not None:
            store = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forensics-")))
        elif not (store / "ledger.sqlite").exists():
            raise UsageError(
                f"no logs: {store} holds nothing yet; give --logs s3://bucket/prefix or a folder, "
                "or fill the store with forensics pull"
            )
        lake = stack.enter_context(Lake.open(store))
        pulled = None
        if question.logs is not None:
            pulled = pull(
                question.logs,
                lake,
                question.window,
                load_balancer=question.load_balancer,
                progress=progress,
                workers=settings.threads,
                s3=S3Options.of(settings),
            )
            refuse_nothing(pulled, question.logs)
            refuse_too_many_rejects(pulled, settings.max_reject_share)
        engine = stack.enter_context(Engine(settings.memory_limit, settings.threads))
        attach_logs(engine, lake, question)
        problems = _attach_timeline(engine, question, store)
        verdicts = attribute(engine, question.window)
        examine(engine, question.window)
        engine.keep("traffic", "marts/traffic", _bounds(question.window))
        requests = engine.frame("marts/requests_in_window", _bounds(question.window))["requests"].item()
        yield Incident(engine, verdicts.attributions, pulled, problems, requests)


def attach_logs(engine: Engine, lake: Lake, question: Question) -> None:
    """Views over the lake's files: `requests`, `error_rows`, `rejected_lines`, `objects`."""
    wider = Window(
        question.window.since and question.window.since - LOOK_BACK,
        question.window.until and question.window.until + LOOK_AHEAD,
    )
    with lake.snapshot():
        engine.attach_parquet(REQUESTS, lake.request_files(wider, question.load_balancer))
        engine.attach_parquet(REQUESTS, lake.error_files(wider, question.load_balancer), name="error_rows")
        engine.attach_parquet(REJECTED_LINES, lake.rejected_files())
        engine.attach(OBJECTS.name, lake.objects())


def refuse_nothing(pulled: PullSummary, logs: str) -> None:
    """Stop when there are no access logs at all: that is a wrong place, not a quiet day.

    Raises:
        SourceError: nothing there is an ALB access-log object.
    """
    left_out = sum(pulled.left_out.values())
    if pulled.listed == left_out:
        others = ", ".join(f"{count} {kind}" for kind, count in sorted(pulled.left_out.items()))
        raise SourceError(
            f"{logs} holds no ALB access logs"
            + (f" (only {others})" if others else "")
            + "; expected objects such as AWSLogs/<account>/elasticloadbalancing/<region>/.../*.log.gz, "
            "or *.log and *.log.gz files"
        )


def refuse_too_many_rejects(pulled: PullSummary, max_share: float) -> None:
    """Stop when the logs are mostly not ALB access logs.

    Raises:
        RejectedLinesError: the share of rejected lines is above ``max_share``.
    """
    if pulled.lines and pulled.rejected / pulled.lines > max_share:
        raise RejectedLinesError(
            f"{pulled.rejected:,} of {pulled.lines:,} lines are no ALB access-log entries "
            f"({pulled.rejected / pulled.lines:.0%}, allowed {max_share:.0%}); is this the right folder? "
            "forensics pull keeps them with their reasons in rejected_lines; --max-reject-share allows more"
        )


def _attach_timeline(engine: Engine, question: Question, store: Path) -> list[Problem]:
    problems: list[Problem] = []
    frames = archive.recall_all(store)
    if question.timeline is not None:
        timeline = read_timeline(question.timeline)
        problems = timeline.problems
        frames = {"events": timeline.events, "coverage": timeline.coverage, "settings": timeline.settings}
    for table in (EVENTS, COVERAGE, SETTINGS):
        engine.attach(table.name, frames[table.name])
    sightings = observe_traffic(engine)
    problems = [*problems, *disagreements(frames["events"], sightings)]
    engine.attach(LIFETIMES.name, reconcile(frames["events"], frames["settings"], sightings))
    return problems


def _bounds(window: Window) -> dict[str, datetime | None]:
    return {"since": window.since, "until": window.until}
