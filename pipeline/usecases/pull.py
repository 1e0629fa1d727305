"""Bring logs and timeline dumps into the lake."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.config import Settings
from pipeline.engine import Engine
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import Progress, PullSummary
from pipeline.model import Window
from pipeline.redaction import Redaction
from pipeline.timeline import archive
from pipeline.timeline.base import Problem
from pipeline.timeline.collection import Collection
from pipeline.timeline.folder import read_timeline, refuse_missing
from pipeline.usecases import engines, privacy
from pipeline.usecases.reading import read, refuse_nothing, refuse_too_many_rejects
from pipeline.usecases.whence import whence

_STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True)
class Pulled:
    """What came in: counts of lines, and the parts of the timeline that could not be used."""

    logs: PullSummary
    events: int
    problems: list[Problem]
    discovered: str | None = None
    """Where the load balancer said that its logs are, when it was asked."""
    collections: Sequence[Collection] = ()


def pull(
    logs: str | None,
    timeline: Path | None,
    window: Window,
    load_balancer: str | None,
    settings: Settings,
    progress: Progress | None = None,
    *,
    aws: bool = False,
) -> Pulled:
    """Read logs, dumps and AWS's answers into the store; what it already holds is left as it is.

    What AWS answered is kept as it came, in a new folder below ``timeline/pages``.

    Without ``logs``, the load balancer is asked where its logs are. All kinds that it writes are read, from
    as many buckets; one that refuses costs what lies there, and is a problem.

    Raises:
        UsageError: neither logs nor a load balancer is given.
        SourceError: logs or timeline cannot be reached.
        StoreError: the store cannot be written.
        RejectedLinesError: too many lines are no entries; they are stored with their reasons all the same.
    """
    refuse_missing(*([timeline] if timeline else []))
    place = whence(logs, load_balancer, settings, needs_access_logs=False)
    with Lake.open(settings.store) as lake, engines.reading(settings) as engine:
        redaction = privacy.fill(lake, settings)
        summary = read(place, lake, window, load_balancer, settings, progress, engines.spreader(engine))
        collections: Sequence[Collection] = ()
        pages: Path | None = None
        if aws:
            pages = settings.store / "timeline" / "pages" / f"{datetime.now(UTC):{_STAMP}}"
            collections = _ask_aws(engine, lake, window, load_balancer, settings, pages, redaction)
    events, problems = keep_timeline([folder for folder in (timeline, pages) if folder], settings, redaction)
    refuse_nothing(place, summary, window, load_balancer)
    refuse_too_many_rejects(summary, settings.max_reject_share)
    return Pulled(summary, events, problems, place.discovered, collections)


def _ask_aws(
    engine: Engine | None,
    lake: Lake,
    window: Window,
    load_balancer: str | None,
    settings: Settings,
    pages: Path,
    redaction: Redaction | None,
) -> Sequence[Collection]:
    """What AWS tells of the time and the load balancers in the lake, kept in ``pages`` as it came."""
    # What attributes comes along: it takes 80 MB and a second, which reading logs alone can do without.
    from pipeline.usecases import live  # noqa: PLC0415 - see above
    from pipeline.usecases.incident import Question, attach_logs  # noqa: PLC0415 - see above

    with engines.opened(settings) if engine is None else nullcontext(engine) as asked:
        attach_logs(asked, lake, Question(window=window, load_balancer=load_balancer))
        return live.collect(asked, window, load_balancer, settings, pages, redaction)


def keep_timeline(
    folders: Sequence[Path], settings: Settings, redaction: Redaction | None
) -> tuple[int, list[Problem]]:
    """Store what the folders tell; the number of events and what could not be used.

    Raises:
        SourceError: a folder does not exist.
        StoreError: the store cannot be written.
    """
    if not folders:
        return 0, []
    found = read_timeline(*folders, redaction=redaction)
    archive.keep(settings.store, found.told)
    return found.events.height, found.problems
