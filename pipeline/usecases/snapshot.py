"""Keep what AWS and Kubernetes forget: instances, addresses, pods, target health, settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.config import Settings
from pipeline.engine.duckdb import Engine
from pipeline.errors import ConfigError
from pipeline.ingest.lake import Lake
from pipeline.model import Window
from pipeline.redaction import Redaction
from pipeline.timeline import archive
from pipeline.timeline.base import Problem
from pipeline.timeline.collection import Collection
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.kubernetes_fetch import Fetched, fetch
from pipeline.timeline.redact import Scrubber
from pipeline.usecases import live, privacy
from pipeline.usecases.incident import Question, attach_logs

BEHIND = timedelta(hours=25)
"""AWS is asked for changes this far back: a day, and an hour for what was late then."""
_STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True)
class Snapshot:
    """What was kept.

    Attributes:
        folder: where the answers lie, as the AWS CLI and kubectl print them.
        events: events that they tell.
        collections: what was asked of AWS, per account and region; empty when it was not.
        cluster: what came of each Kubernetes resource; empty when no cluster is configured.
        problems: what could not be had or used.
    """

    folder: Path
    events: int
    collections: Sequence[Collection]
    cluster: Sequence[Fetched] = ()
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_incomplete(self) -> bool:
        """Whether something that was asked for is missing."""
        return any(problem.is_loss for problem in self.problems)


def snapshot(
    settings: Settings,
    load_balancer: str | None,
    *,
    aws: bool = True,
    cluster: bool | None = None,
    since: datetime | None = None,
) -> Snapshot:
    """Ask AWS and the cluster, keep the answers below the store, and add what they tell to its timeline.

    Args:
        settings: the store, the context of the cluster and the log group of its audit log.
        load_balancer: name, app/name/id or ARN; None: those of the last day's logs in the store.
        aws: whether AWS is asked.
        cluster: whether Kubernetes is asked; None: where it is configured.
        since: changes are asked for from here on, where that is longer ago than `BEHIND`.

    Raises:
        StoreError: the store cannot be written.
        ConfigError: a cluster is asked for that is not configured.
    """
    now = datetime.now(UTC)
    folder = settings.store / "timeline" / "pages" / f"{now:{_STAMP}}"
    window = Window(min(now - BEHIND, since or now), now)
    with Lake.open(settings.store) as lake:
        redaction = privacy.fill(lake, settings)
    collections = _ask_aws(settings, load_balancer, window, folder / "aws", redaction) if aws else []
    listed, problems = _ask_cluster(settings, folder / "kubernetes", redaction, wanted=cluster)
    if not folder.exists():
        return Snapshot(folder, 0, collections, listed, problems)
    found = read_timeline(folder, redaction=redaction)
    archive.keep(settings.store, found.told)
    return Snapshot(folder, found.events.height, collections, listed, [*problems, *found.problems])


def _ask_aws(
    settings: Settings,
    load_balancer: str | None,
    window: Window,
    folder: Path,
    redaction: Redaction | None,
) -> list[Collection]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        Lake.open(settings.store) as lake,
        Engine(settings.memory_limit, settings.threads) as engine,
    ):
        attach_logs(engine, lake, Question(window=window, load_balancer=load_balancer))
        return live.collect(engine, window, load_balancer, settings, folder, redaction)


def _ask_cluster(
    settings: Settings, folder: Path, redaction: Redaction | None, *, wanted: bool | None
) -> tuple[Sequence[Fetched], list[Problem]]:
    if wanted is False:
        return (), []
    from pipeline.timeline.kubernetes_api import Cluster  # noqa: PLC0415 - only who asks need wait for it

    try:
        scrubber = None if redaction is None else Scrubber(redaction)
        listed = fetch(Cluster(settings.kube_context), folder, scrubber)
    except ConfigError:
        if wanted or settings.kube_context:
            raise
        return (), []
    return listed, [Problem(one.resource, one.message) for one in listed if one.message]
