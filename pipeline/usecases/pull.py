"""Bring logs and timeline dumps into the lake."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Settings
from pipeline.ingest import pull as ingest
from pipeline.ingest.lake import Lake
from pipeline.model import Window
from pipeline.timeline import archive
from pipeline.timeline.base import Problem
from pipeline.timeline.folder import read_timeline
from pipeline.usecases.incident import Progress, refuse_nothing, refuse_too_many_rejects
from pipeline.usecases.whence import whence


@dataclass(frozen=True)
class Pulled:
    """What came in: counts of lines, and the parts of the timeline that could not be used."""

    logs: ingest.PullSummary
    events: int
    problems: list[Problem]
    discovered: str | None = None
    """Where the load balancer said that its logs are, when it was asked."""


def pull(
    logs: str | None,
    timeline: Path | None,
    window: Window,
    load_balancer: str | None,
    settings: Settings,
    progress: Progress | None = None,
) -> Pulled:
    """Read logs (and dumps) into the store; what it already holds is left as it is.

    Without ``logs``, the load balancer is asked where its logs are.

    Raises:
        UsageError: neither logs nor a load balancer is given.
        SourceError: logs or timeline cannot be reached.
        StoreError: the store cannot be written.
        RejectedLinesError: too many lines are no entries; they are stored with their reasons all the same.
    """
    place = whence(logs, load_balancer, settings)
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
            place.uri,
            lake,
            window,
            load_balancer=load_balancer,
            progress=progress,
            workers=settings.threads,
            s3=place.s3,
        )
    refuse_nothing(summary, place.uri, window, load_balancer)
    refuse_too_many_rejects(summary, settings.max_reject_share)
    return Pulled(summary, events, problems, place.uri if place.is_discovered else None)
