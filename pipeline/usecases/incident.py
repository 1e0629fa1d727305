"""The common ground of attribute, report, explain and sql: logs and timeline, joined and attributed."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import polars as pl

from pipeline.attribute.run import attribute, observe_traffic
from pipeline.attribute.verdicts import INSUFFICIENT
from pipeline.config import Settings
from pipeline.engine.duckdb import Engine
from pipeline.errors import RejectedLinesError, SourceError, UsageError
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import PullSummary, pull
from pipeline.ingest.s3_options import S3Options
from pipeline.model import LIFETIMES, OBJECTS, REJECTED_LINES, REQUESTS, Window
from pipeline.timeline import archive
from pipeline.timeline.base import Problem
from pipeline.timeline.clocks import disagreements
from pipeline.timeline.collection import Collection, refuse_full
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.lifetimes import reconcile
from pipeline.usecases import live
from pipeline.usecases.live import bounds

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
    """

    logs: str | None = None
    timeline: Path | None = None
    window: Window = field(default_factory=Window)
    load_balancer: str | None = None
    aws: bool | None = None
    keep_pages: Path | None = None

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
        collection: what was asked of AWS, None when nothing was.
    """

    engine: Engine
    attributions: pl.DataFrame
    pulled: PullSummary | None
    problems: list[Problem]
    requests: int
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

    With logs given they are read into a temporary lake; without, the store is asked.

    Raises:
        SourceError: logs or timeline cannot be reached.
        UsageError: neither logs are given nor does the store hold any.
        RejectedLinesError: more lines were rejected than the settings allow.
    """
    with ExitStack() as stack:
        store = settings.store
        asks_aws = question.asks_aws(has_store=(store / "ledger.sqlite").exists())
        if question.logs is not None:
            store = Path(stack.enter_context(_temporary()))
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
        collection, pages = None, None
        if asks_aws:
            pages = question.keep_pages or Path(stack.enter_context(_temporary())) / "pages"
            collection = live.collect(engine, question.window, question.load_balancer, settings, pages)
        problems = _attach_timeline(engine, [question.timeline, pages], store)
        problems += live.missing_log_lines(engine, question.window)
        verdicts = attribute(engine, question.window)
        engine.keep("traffic", "marts/traffic", bounds(question.window))
        requests = engine.frame("marts/requests_in_window", bounds(question.window))["requests"].item()
        yield Incident(engine, verdicts.attributions, pulled, problems, requests, collection)


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


def _attach_timeline(engine: Engine, folders: Sequence[Path | None], store: Path) -> list[Problem]:
    problems: list[Problem] = []
    frames = archive.recall_all(store)
    given = [folder for folder in folders if folder is not None]
    if given:
        timeline = read_timeline(*given)
        problems = timeline.problems
        frames = timeline.frames()
    for name, rows in frames.items():
        engine.attach(name, rows)
    sightings = observe_traffic(engine)
    problems = [*problems, *disagreements(frames["events"], sightings)]
    engine.attach(LIFETIMES.name, reconcile(frames["events"], frames["settings"], sightings))
    return problems


def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="forensics-")
