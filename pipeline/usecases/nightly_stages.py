"""The stages of a night that are about no single day: pull, snapshot, timeline, tidy, metrics."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline import __version__, config
from pipeline.attribute import causes
from pipeline.attribute.verdicts import INSUFFICIENT
from pipeline.config import Settings
from pipeline.errors import ConfigError, RejectedLinesError, SourceError, StoreError
from pipeline.ingest.compaction import compact
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import PullSummary
from pipeline.ingest.retention import expire, forget
from pipeline.metrics import textfile
from pipeline.metrics.facts import RunFacts, metrics
from pipeline.model import Window
from pipeline.report.safety import visible
from pipeline.schedule import Nightly
from pipeline.timeline import archive
from pipeline.timeline.collection import Collection
from pipeline.usecases import privacy
from pipeline.usecases.incident import Progress
from pipeline.usecases.nightly_day import forget as forget_day
from pipeline.usecases.nightly_inputs import AROUND, EVENTS_BEFORE, listing
from pipeline.usecases.nightly_journal import Journal
from pipeline.usecases.nightly_summary import INCOMPLETE, Stage
from pipeline.usecases.pull import keep_timeline, pull
from pipeline.usecases.snapshot import snapshot

_FURTHEST = timedelta(days=14)
"""AWS is asked for changes no further back than this, however long nobody asked."""
_LASTING = {"denied", "not_found", "forgotten"}
"""Faults of AWS that another attempt does not mend."""
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_MARGIN = timedelta(days=1) + AROUND
_MOST_PROBLEMS = 3
_KNOWN_FOR = 2
"""Objects stay known for so many times the age at which their lines go; no night looks that far back."""


def pull_logs(stage: Stage, settings: Settings, window: Window, progress: Progress | None) -> None:
    """Read new logs into the lake: of one place, or of each load balancer.

    Raises:
        ConfigError: no source is configured.
        SourceError: one cannot be reached; the others have been read.
    """
    nightly = settings.nightly
    if nightly.logs is None and not nightly.load_balancers:
        raise ConfigError(
            "nothing to pull: set nightly.logs or nightly.load_balancers in forensics.toml, "
            "or give --logs or --lb"
        )
    failures: list[str] = []
    names: list[str | None] = [*nightly.load_balancers]
    for name in names or [None]:
        try:
            done = pull(nightly.logs, None, window, name, settings, progress)
        except RejectedLinesError as problem:
            stage.exit_code = problem.exit_code
            stage.detail = visible(str(problem))
        except SourceError as problem:
            failures.append(str(problem))
        else:
            _count(stage, done.logs)
    if failures:
        raise SourceError("; ".join(failures))
    stage.detail = stage.detail or "logs read"


def _count(stage: Stage, logs: PullSummary) -> None:
    found = {
        "objects": logs.ingested,
        "known_objects": logs.already_known,
        "lines": logs.lines,
        "rejected_lines": logs.rejected,
        "damaged_objects": len(logs.problems),
    }
    for name, count in found.items():
        stage.counts[name] = stage.counts.get(name, 0) + count
    if logs.problems:
        stage.exit_code = stage.exit_code or INCOMPLETE
        told = [f"{one.object_key}: {one.reason}" for one in logs.problems[:_MOST_PROBLEMS]]
        stage.detail = visible("; ".join(told))


def take_snapshot(stage: Stage, settings: Settings, journal: Journal) -> None:
    """Ask AWS and the cluster for what they forget.

    A passing failure makes the stage fail, so that it is run again, and the next snapshot reach further back.
    """
    now = datetime.now(UTC)
    nightly = settings.nightly
    since = max(journal.observed_to - AROUND, now - _FURTHEST) if journal.observed_to else None
    alone = nightly.load_balancers[0] if len(nightly.load_balancers) == 1 else None
    kept = snapshot(settings, alone, aws=nightly.aws, cluster=nightly.cluster, since=since)
    stage.counts = {"events": kept.events, "kubernetes_objects": sum(one.objects for one in kept.cluster)}
    losses = [f"{one.ref}: {one.what}" for one in kept.problems if one.is_loss]
    stage.detail = visible("; ".join(losses[:_MOST_PROBLEMS])) or "kept what AWS and Kubernetes forget"
    stage.exit_code = INCOMPLETE if losses else 0
    if _passing(kept.collections):
        stage.state = "failed"
    elif kept.collections:
        journal.observed_to = now


def _passing(collections: Sequence[Collection]) -> bool:
    faults = {call.fault for collection in collections for call in collection.calls}
    return bool(faults - _LASTING - {None})


def read_dumps(stage: Stage, settings: Settings, journal: Journal) -> None:
    """Read the configured dumps into the store, unless they are as they were.

    Raises:
        SourceError: there is no such folder.
    """
    folder = settings.nightly.timeline
    if folder is None:
        stage.state, stage.detail = "skipped", "no folder of dumps is configured"
        return
    found = listing(folder)
    if found == journal.timeline:
        stage.detail = "the dumps are as they were"
        return
    with Lake.open(settings.store) as lake:
        redaction = privacy.fill(lake, settings)
    events, problems = keep_timeline([folder], settings, redaction)
    losses = [f"{one.ref}: {one.what}" for one in problems if one.is_loss]
    stage.counts = {"events": events, "problems": len(losses)}
    stage.detail = visible("; ".join(losses[:_MOST_PROBLEMS])) or "dumps read"
    stage.exit_code = INCOMPLETE if losses else 0
    journal.timeline = found


def retention(nightly: Nightly) -> tuple[timedelta | None, timedelta | None]:
    """How long logs and timeline, and pages and verdicts, are kept; None: for ever.

    Raises:
        UsageError: a text is no duration.
        ConfigError: days that are looked at again would be gone.
    """
    keep = config.duration(nightly.keep, "nightly.keep") if nightly.keep else None
    pages = config.duration(nightly.keep_reports, "nightly.keep_reports") if nightly.keep_reports else None
    least = timedelta(days=nightly.look_again_days + 2)
    for name, span in (("keep", keep), ("keep_reports", pages)):
        if span is not None and span < least:
            raise ConfigError(
                f"nightly.{name}: {least.days}d at least, because {nightly.look_again_days} days are "
                "looked at again (nightly.look_again_days)"
            )
    return keep, pages


def tidy(stage: Stage, settings: Settings, journal: Journal, as_of: datetime) -> None:
    """Put small files together, and let go what is older than it is to be kept.

    Raises:
        StoreError: the store cannot be written.
    """
    keep, keep_pages = retention(settings.nightly)
    if keep is not None:  # noted first: a day with lines gone must not be answered again
        journal.expired_before = max(as_of - keep, journal.expired_before or as_of - keep)
        journal.write(settings.store)
    with Lake.open(settings.store) as lake:
        merged = compact(lake)
        gone = expire(lake, as_of - keep).rows if keep is not None else 0
        objects = forget(lake, as_of - _KNOWN_FOR * keep) if keep is not None else 0
    oldest = as_of - keep if keep is not None else None
    events = archive.tidy(settings.store, oldest - EVENTS_BEFORE - _MARGIN if oldest else None)
    stage.counts = {
        "files_merged": merged.files_before - merged.files_after,
        "requests_expired": gone,
        "objects_forgotten": objects,
        "timeline_rows_expired": events,
        "page_folders_expired": _expire_pages(settings.store, oldest) if oldest else 0,
        "days_forgotten": _forget_days(settings, journal, as_of - keep_pages) if keep_pages else 0,
    }
    stage.detail = "; ".join(merged.problems[:_MOST_PROBLEMS]) or "store tidied"
    stage.exit_code = StoreError.exit_code if merged.problems else 0


def _expire_pages(store: Path, before: datetime) -> int:
    """What AWS and Kubernetes answered is in the timeline; the answers themselves go with the logs."""
    gone = 0
    for folder in (store / "timeline" / "pages").glob("*Z"):
        with suppress(ValueError):  # not a folder of ours
            if datetime.strptime(folder.name, _STAMP).replace(tzinfo=UTC) < before:
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
    return gone


def _forget_days(settings: Settings, journal: Journal, before: datetime) -> int:
    """Days whose pages are old enough; the newest stays, because the next night goes on from it."""
    old = [day for day in sorted(journal.days)[:-1] if day < before.date()]
    for day in old:
        forget_day(settings, day)
        del journal.days[day]
    return len(old)


def tell_monitoring(stage: Stage, nightly: Nightly, facts: RunFacts) -> None:
    """Write the textfile and send to the collector, as configured.

    Raises:
        DeliveryError: one of them failed; the other was tried as well.
    """
    if nightly.metrics_file is None and nightly.otlp_url is None:
        stage.state, stage.detail = "skipped", "no metrics are configured"
        return
    found = metrics(facts)
    try:
        if nightly.metrics_file is not None:
            textfile.write(found, nightly.metrics_file)
    finally:
        if nightly.otlp_url is not None:
            from pipeline.metrics import otlp  # noqa: PLC0415 - only who sends there need wait for it

            otlp.push(found, nightly.otlp_url, __version__)
    stage.detail = "metrics written"


def of_every_cause(found: Mapping[str, int]) -> dict[str, int]:
    """Counts with a zero for each cause without one: a series that begins with one shows no rise."""
    names = [INSUFFICIENT, *(cause.id for cause in causes.load())]
    return dict.fromkeys(names, 0) | dict(found)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # files come and go
            total += path.stat().st_size if path.is_file() else 0
    return total
