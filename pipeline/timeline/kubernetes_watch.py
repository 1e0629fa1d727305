"""Watches one resource for as long as it is told to, and writes every change to its journal.

List, then watch from the list's resourceVersion; after a drop go on from the last version; after 410 Gone
list again, and leave the time between uncovered. Only two things prove that nothing was missed up to
now: a bookmark, and the end of a watch at the time that was asked for.
"""

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.timeline.kubernetes_api import (
    FORBIDDEN,
    GONE,
    NOT_FOUND,
    ApiRefusedError,
    Cluster,
    Resource,
    lines,
)
from pipeline.timeline.kubernetes_fetch import LIMITS, metadata, named, pages, without_people
from pipeline.timeline.kubernetes_redact import lean
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.watch_journal import Journal

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

WATCH_S = (180, 300)
"""A watch is asked for so long, at random: watches of many resources do not end together."""
LAST_LOOK_S = 1
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
MARK_EVERY = timedelta(seconds=1)
"""Marks are no closer, however many bookmarks a server sends."""
MOST_SEEN = 200_000
"""Objects whose version is remembered, so that one told twice is written once; beyond that the oldest go."""
WHOLE_AGAIN = timedelta(days=1)
"""So often all objects are written in full, so that what is kept stands by itself when older files expire."""
HOPELESS = 3
"""A server that never answered is given up after so many tries."""

Say = Callable[[str], None]


@dataclass
class ResourceWatch:
    """One resource being watched; `run` in a thread of its own.

    Attributes:
        cluster: where.
        resource: what.
        journal: where to.
        stop: set when it is time to end.
        say: takes a sentence about what a person should know.
        scrubber: takes people out of what is written; None: only what workloads keep secret is left out.
    """

    cluster: Cluster
    resource: Resource
    journal: Journal
    stop: threading.Event
    say: Say
    scrubber: Scrubber | None = None
    denied: str | None = field(default=None, init=False)
    """Verb and resource that are refused."""
    gaps: int = field(default=0, init=False)
    is_listed: bool = field(default=False, init=False)
    failure: Exception | None = field(default=None, init=False)
    """Why the watch ended before it was told to."""
    _version: str | None = field(default=None, init=False)
    _observed_to: datetime | None = field(default=None, init=False)
    _fallback: tuple[str, datetime] | None = field(default=None, init=False)
    """Version and instant of a list taken meanwhile: where to go on when ``_version`` is too old."""
    _lost: tuple[datetime | None, str] = field(default=(None, ""), init=False)
    """End of the span before a gap, and why there is one; until the gap ends."""
    _whole_at: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)
    _seen: dict[str, str] = field(default_factory=dict, init=False)
    _failures: int = field(default=0, init=False)
    _response: "BaseHTTPResponse | None" = field(default=None, init=False)

    def run(self) -> None:
        """Watch until told to stop, or until nothing can be done; the journal is closed then."""
        try:
            self._resume()
            while not self.stop.is_set():
                self._turn()
            if self.is_listed and not self._failures:
                self._last_look()
            self.journal.close()
        except Exception as problem:  # noqa: BLE001 - handed to the thread that waits for this one
            self.failure = problem
            self.stop.set()

    def interrupt(self) -> None:
        """Wake a watch that waits for news; call after ``stop`` is set."""
        response = self._response
        if response is not None:
            try:
                response.shutdown()
            except (OSError, ValueError, RuntimeError):
                return  # it has ended by itself

    def _resume(self) -> None:
        mark = self.journal.recover()
        if mark is not None:
            self._version, self._observed_to = mark.version, mark.observed_to

    def _turn(self) -> None:
        try:
            if self._version is None or datetime.now(UTC) - self._whole_at > WHOLE_AGAIN:
                self._list()
            if not self.stop.is_set():
                self._watch(random.randint(*WATCH_S))  # noqa: S311 - no secret
            self._failures = 0
        except ApiRefusedError as problem:
            self._after(problem)

    def _after(self, problem: ApiRefusedError) -> None:
        """Wait and try again, go back to a list, or give up."""
        self.journal.flush()
        self._failures += 1
        if self.stop.is_set() and problem.status != FORBIDDEN:
            return
        if problem.status == NOT_FOUND and self.resource.is_optional:
            self.stop.wait()  # not installed; asking on would only make noise
        elif problem.status == GONE:
            self._go_back(problem)
        else:
            self._remark(problem)
            if problem.status == 0 and not self.is_listed and self._failures >= HOPELESS:
                raise problem
            self._wait()

    def _remark(self, problem: ApiRefusedError) -> None:
        """Say what is new. A dropped connection is none until it cannot be made again."""
        is_new = problem.status == FORBIDDEN and self.denied is None
        if problem.status == FORBIDDEN:
            self.denied = str(problem).partition(":")[0]
        if is_new or self._failures == (2 if problem.status == 0 else 1):
            self.say(str(problem))

    def _wait(self) -> None:
        longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(self._failures - 1, 10))
        self.stop.wait(longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def _go_back(self, problem: ApiRefusedError) -> None:
        """The version is too old: go on from a list taken meanwhile, else take one."""
        if self._version is not None:
            self.gaps += 1
            self._lost = (self._observed_to, str(problem))
        self._version = None
        if self._fallback is not None:
            self._start_from(*self._fallback)
        elif self._failures > 1:
            self._wait()

    def _list(self) -> None:
        """Write all objects as kubectl's watch does at its start.

        With a version to go on from, the watch goes on from there: only so nothing is missed.
        """
        for limit in LIMITS:
            try:
                version, listed_at = self._write_list(limit)
            except ApiRefusedError as problem:
                if problem.status == GONE and limit != LIMITS[-1]:
                    continue
                raise
            break
        if self.stop.is_set():
            return
        self.is_listed, self.denied = True, None
        if self._version is None:
            self._start_from(version, listed_at)
        else:
            self._fallback = (version, listed_at)

    def _write_list(self, limit: int) -> tuple[str, datetime]:
        """Version of the list and the instant it shows; after a gap only what changed is written."""
        is_whole = self._version is not None or not self._seen
        listed: dict[str, str] = {}
        listed_at: datetime | None = None
        version = ""
        for page in pages(self.cluster, self.resource, limit):
            listed_at = listed_at or datetime.now(UTC)
            version = str(metadata(page).get("resourceVersion") or "")
            for value in named(self.resource, page):
                uid, at = _identity(value)
                if is_whole or self._seen.get(uid) != at:
                    self._write("ADDED", value)
                listed[uid] = at
            self.journal.flush()
            if self.stop.is_set():
                break
        self._seen = listed
        if is_whole:
            self._whole_at = datetime.now(UTC)
        if not version or listed_at is None:
            raise ApiRefusedError("list", self.resource, 0, "the list has no resourceVersion")
        return version, listed_at

    def _start_from(self, version: str, listed_at: datetime) -> None:
        self._version, self._fallback = version, None
        self.journal.begin(listed_at)
        self._observe(listed_at)
        since, why = self._lost
        if since is not None:
            self.say(
                f"{self.resource.plural}: not observed from {since:%Y-%m-%d %H:%M:%S} "
                f"to {listed_at:%Y-%m-%d %H:%M:%S} UTC ({why}); listed again"
            )
            self._lost = (None, "")

    def _watch(self, timeout_s: int) -> None:
        """One watch request, from the last version to its end."""
        if self._version is None:
            return
        started_at = time.monotonic()
        response = self.cluster.watch(self.resource, self._version, timeout_s)
        self._response = response
        try:
            if self.stop.is_set() and timeout_s > LAST_LOOK_S:
                return
            for arrived in lines(response):
                for line in arrived:
                    self._take(line)
                self.journal.flush()
                self._failures = 0
        except ApiRefusedError:
            raise
        except OSError:
            raise
        except Exception as problem:
            if self.stop.is_set():
                return
            raise ApiRefusedError(
                "watch", self.resource, 0, f"{type(problem).__name__}: {problem}"
            ) from problem
        finally:
            self._response = None
            response.close()
        if time.monotonic() - started_at >= timeout_s - 0.5:
            self._observe(datetime.now(UTC))

    def _last_look(self) -> None:
        """What happened until now: the watch that was interrupted is asked for once more, shortly."""
        try:
            self._watch(LAST_LOOK_S)
        except ApiRefusedError:
            self.journal.flush()  # what was observed so far is said already

    def _take(self, line: bytes) -> None:
        """One line of a watch.

        Raises:
            ApiRefusedError: it says that the watch is over, or is no line of a watch.
        """
        try:
            told = json.loads(line)
            change, value = str(told["type"]), dict(told["object"])
        except (ValueError, TypeError, KeyError, RecursionError) as problem:
            raise ApiRefusedError(
                "watch", self.resource, 0, f"a line that is no change: {problem}"
            ) from problem
        if change == "ERROR":
            code = value.get("code")
            raise ApiRefusedError(
                "watch", self.resource, code if isinstance(code, int) else 0, str(value.get("message"))
            )
        uid, at = _identity(value)
        if change == "BOOKMARK":
            self._version = at or self._version
            if self._observed_to is None or datetime.now(UTC) - self._observed_to >= MARK_EVERY:
                self._observe(datetime.now(UTC))
            return
        if self._seen.pop(uid, None) != at and not self._is_expiry(change):
            self._write(change, value)
        self._seen[uid] = at
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        self._version = at or self._version

    def _write(self, change: str, value: dict[str, Any]) -> None:
        self.journal.write(change, without_people(lean(value), self.scrubber))

    def _is_expiry(self, change: str) -> bool:
        """An Event that is deleted has only expired: no news."""
        return change == "DELETED" and self.resource.kind == "Event"

    def _observe(self, until: datetime) -> None:
        self._observed_to, self._fallback = until, None
        if self._version is not None:
            self.journal.observed(until, self._version)


def _identity(value: dict[str, Any]) -> tuple[str, str]:
    found = metadata(value)
    return str(found.get("uid") or ""), str(found.get("resourceVersion") or "")
