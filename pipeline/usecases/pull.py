"""Bring logs and timeline dumps into the lake."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Settings
from pipeline.ingest import pull as ingest
from pipeline.ingest.lake import Lake
from pipeline.ingest.s3_options import S3Options
from pipeline.model import Window
from pipeline.timeline import archive
from pipeline.timeline.base import Problem
from pipeline.timeline.folder import read_timeline
from pipeline.usecases.incident import Progress, refuse_nothing, refuse_too_many_rejects


@dataclass(frozen=True)
class Pulled:
    """What came in: counts of lines, and the parts of the timeline that could not be used."""

    logs: ingest.PullSummary
    events: int
    problems: list[Problem]


def pull(
    logs: str,
    timeline: Path | None,
    window: Window,
    load_balancer: str | None,
    settings: Settings,
    progress: Progress | None = None,
) -> Pulled:
    """Read logs (and dumps) into the store; what it already holds is left as it is.

    Raises:
        SourceError: logs or timeline cannot be reached.
        StoreError: the store cannot be written.
        RejectedLinesError: too many lines are no entries; they are stored with their reasons all the same.
    """
    events, problems = 0, []
    if timeline is not None:
        found = read_timeline(timeline)
        events, problems = found.events.height, found.problems
        archive.keep(
            settings.store,
            {"events": found.events, "coverage": found.coverage, "settings": found.settings},
        )
    with Lake.open(settings.store) as lake:
        summary = ingest.pull(
            logs,
            lake,
            window,
            load_balancer=load_balancer,
            progress=progress,
            workers=settings.threads,
            s3=S3Options.of(settings),
        )
    refuse_nothing(summary, logs)
    refuse_too_many_rejects(summary, settings.max_reject_share)
    return Pulled(summary, events, problems)
