"""Record what happens in a cluster, for as long as it is told to: Kubernetes forgets it within the hour."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.errors import SourceError, StoreError, UsageError
from pipeline.redaction import Redaction
from pipeline.timeline.kubernetes_api import RESOURCES, Cluster
from pipeline.timeline.kubernetes_watch import WHOLE_AGAIN, ResourceWatch
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.watch_journal import Journal, expire

EXPIRE_EVERY_S = 600.0
ENDING_S = 25.0
"""Less than the 30 s that Kubernetes gives a pod to end."""

SHORTEST_KEEP = 2 * WHOLE_AGAIN
_LOCK = ".watch.lock"


@dataclass(frozen=True)
class Watched:
    """What a watch did.

    Attributes:
        changes: lines written by resource.
        denied: verb and resource of each refusal that lasted.
        gaps: times at which history was lost to 410 Gone.
        expired: files deleted because of their age.
    """

    changes: dict[str, int]
    denied: tuple[str, ...]
    gaps: int
    expired: int


def watch(
    folder: Path,
    context: str | None,
    duration: timedelta | None,
    keep: timedelta,
    stop: threading.Event,
    say: Callable[[str], None],
    redaction: Redaction | None = None,
) -> Watched:
    """Watch all resources until ``stop`` is set or the duration is over.

    Args:
        folder: where the files go; made if need be.
        context: context of the kubeconfig.
        duration: None: until stopped.
        keep: closed files older than this are deleted.
        stop: ends the watch; set by this function when a thread fails.
        say: takes a sentence about what a person should know.
        redaction: how people are taken out of what is recorded; None: not at all.

    Raises:
        SourceError: the API server cannot be reached, or nothing at all may be listed.
        ConfigError: no configuration that can be used.
        StoreError: the folder cannot be written.
        UsageError: another watch writes there, or ``keep`` is too short.
    """
    if keep < SHORTEST_KEEP:
        raise UsageError(
            "--keep is at least 2d: all objects are written once a day, and have to be in what is kept"
        )
    cluster = Cluster(context)
    scrubber = None if redaction is None else Scrubber(redaction)
    with _alone(folder):
        watches = [
            ResourceWatch(cluster, one, Journal(folder, one, cluster.fingerprint), stop, say, scrubber)
            for one in RESOURCES
        ]
        threads = [threading.Thread(target=one.run, name=one.resource.plural, daemon=True) for one in watches]
        for thread in threads:
            thread.start()
        expired = _wait(folder, duration, keep, stop)
        for one in watches:
            one.interrupt()
        _join(threads, folder)
        _raise(watches, folder)
    denied = tuple(one.denied for one in watches if one.denied)
    if not any(one.is_listed for one in watches) and denied:
        raise SourceError(
            f"nothing may be watched: {', '.join(denied)}; docs/kubernetes.md has the ClusterRole"
        )
    return Watched(
        {one.resource.plural: one.journal.written for one in watches},
        denied,
        sum(one.gaps for one in watches),
        expired,
    )


def _wait(folder: Path, duration: timedelta | None, keep: timedelta, stop: threading.Event) -> int:
    """Until it is time to end; old files go meanwhile."""
    ends_at = None if duration is None else time.monotonic() + duration.total_seconds()
    expired = 0
    while not stop.is_set():
        expired += expire(folder, datetime.now(UTC) - keep)
        left_s = EXPIRE_EVERY_S if ends_at is None else min(EXPIRE_EVERY_S, ends_at - time.monotonic())
        if left_s <= 0:
            stop.set()
        else:
            stop.wait(left_s)
    return expired


def _join(threads: list[threading.Thread], folder: Path) -> None:
    """Wait for the files to be closed.

    Raises:
        StoreError: a thread hangs.
    """
    ends_at = time.monotonic() + ENDING_S
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    hanging = [thread.name for thread in threads if thread.is_alive()]
    if hanging:
        raise StoreError(
            f"{folder}: {', '.join(hanging)} did not end in time; the next watch closes their files"
        )


def _raise(watches: list[ResourceWatch], folder: Path) -> None:
    failures = [one.failure for one in watches if one.failure is not None]
    for failure in failures:
        if isinstance(failure, OSError):
            raise StoreError(
                f"{folder}: {failure.strerror or failure}; is there space? What was written stays readable"
            ) from failure
        raise failure


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One watch per folder: two would close each other's files."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(folder / _LOCK, flags, 0o600)
    except OSError as problem:
        raise StoreError(f"{folder}: {problem.strerror}; choose another --output") from problem
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise UsageError(f"{folder}: another watch writes there; give each its own folder") from problem
        yield
    finally:
        os.close(descriptor)
