"""Asks AWS and writes each answer as the AWS CLI prints it, one file per question.

A question that fails costs itself only: the collector notes why, and the others go on. Calls are counted
against the budget of `aws_apis`, tokens that repeat end a listing, and time is bounded.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import botocore.session
from botocore.config import Config
from botocore.session import Session

from pipeline.errors import StoreError
from pipeline.timeline.aws_apis import Api, Page, started_days
from pipeline.timeline.aws_faults import FAULTS, Fault, explain
from pipeline.timeline.collection import Call, Collection, Span
from pipeline.timeline.redact import Scrubber

Note = Callable[[Page], object]
"""Looks at a page; True says that no further page is needed."""

ATTEMPTS = 5
MOST_SECONDS = 240.0
"""A collection that takes longer asks nothing more."""
_PLAIN = " ,;=@+!()[]{}~'"
"""Characters of a name that a file name may hold as they are."""
_LONGEST_NAME = 240
"""File systems take 255 bytes; some are for the temporary name."""


class Collector:
    """One collection in the making; several threads may ask.

    Attributes:
        record: what was asked so far.
        folder: where the pages go.
        scrubber: takes people out of what is written; None: it is written as it came.
    """

    def __init__(
        self,
        folder: Path,
        record: Collection,
        session: Session | None = None,
        scrubber: Scrubber | None = None,
        paces: Mapping[Api, float] | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            folder: where the pages go.
            record: what the collection is about.
            session: as whom it asks.
            scrubber: takes people out of what is written.
            paces: calls a second of operations that are to go at another pace than AWS allows.
        """
        self._paces = paces or {}
        self.scrubber = scrubber
        self.folder = folder
        self.record = record
        self._clients = _Clients(record.region, session or botocore.session.Session())
        self._lock = threading.Lock()
        self._made: dict[Api, int] = {}
        self._next_at: dict[Api, float] = {}
        self._lost: dict[str | None, Fault] = {}
        self._ends_at = time.monotonic() + MOST_SECONDS

    def ask(
        self,
        api: Api,
        *,
        about: str | None = None,
        note: Note | None = None,
        keep: int = 0,
        **parameters: Any,  # noqa: ANN401 - as the API takes them
    ) -> bool:
        """Ask one question to its last page.

        Args:
            api: the operation.
            about: the resource that the file's name carries, where the answer does not.
            note: looks at every page.
            keep: calls of the operation to leave for later questions.
            parameters: of the operation.

        Returns:
            Whether every page that is needed came.

        Raises:
            StoreError: the pages cannot be written.
        """
        call = self.began(api.service, api.action, about)
        name = f"{api.dump}.{quote(about, safe=_PLAIN)}.json" if about else f"{api.dump}.json"
        if len(name) > _LONGEST_NAME:
            call.fault, call.message = "failed", "not asked: the name is too long to name a file after it"
            return False
        try:
            with _whole_when_done(self.folder / name) as sink:
                for page in self._pages(api, call, keep, {**api.size, **parameters}):
                    sink.write(as_printed(page if self.scrubber is None else self.scrubber.scrubbed(page)))
                    call.files = [name]
                    if note is not None and note(page) is True:
                        break
        except OSError as problem:
            raise StoreError(f"{self.folder / name}: {problem.strerror}; is there space?") from problem
        return call.fault is None

    def began(self, service: str, action: str, about: str | None) -> Call:
        """Note a question."""
        call = Call(service, action, about, datetime.now(UTC))
        with self._lock:
            self.record.calls.append(call)
        return call

    def forgotten(self, api: Api, kept: timedelta) -> None:
        """Note that AWS keeps nothing of the window any more, so that nothing is asked."""
        call = self.began(api.service, api.action, None)
        call.fault = "forgotten"
        call.message = f"not asked: AWS keeps {kept.days} days, and the time asked for is older"

    def covered(self, source: str, covered_from: datetime, covered_to: datetime) -> None:
        """Note that a source observed a span; an empty one is none."""
        if covered_from <= covered_to:
            with self._lock:
                self.record.coverage.append(Span(source, covered_from, covered_to))

    def showed(self, source: str, at: datetime) -> None:
        """Note an entry of a source's listing of changes: the newest one says how fresh the listing is."""
        with self._lock:
            self.record.newest[source] = max(at, self.record.newest.get(source, at))

    def reaches(self, uri: str, since: datetime) -> None:
        """Note since when a bucket holds what is delivered to it."""
        with self._lock:
            self.record.oldest[uri] = since

    def _left(self, api: Api) -> int:
        """Calls of an operation that the budget still allows."""
        hours = (self.record.until - self.record.since).total_seconds() / 3600
        allowed = api.allowed(len(self.record.load_balancers), started_days(hours))
        return allowed - self._made.get(api, 0)

    def takes(self, api: Api, parameter: str) -> bool:
        """Whether the installed botocore knows a parameter; without region or credentials it may not tell."""
        try:
            model = self._clients[api.service].meta.service_model
        except FAULTS:
            return False
        return parameter in model.operation_model(api.operation).input_shape.members

    def _pages(self, api: Api, call: Call, keep: int, parameters: Page) -> Iterator[Page]:
        seen: set[str] = set()
        while (fault := self._refusal(api, keep)) is None:
            self._wait(api)
            try:
                page = getattr(self._clients[api.service], _method(api))(**parameters)
            except FAULTS as problem:
                fault = self._noted(api, explain(problem, api.action))
                call.calls += not fault.is_for_all
                break
            call.calls += 1
            call.retries += page.pop("ResponseMetadata", {}).get("RetryAttempts", 0)
            yield page
            key, token = _next(page)
            if token is None:
                return
            if token in seen:
                fault = Fault("loop", f"the same {key} came twice; stopped after {call.calls} pages")
                break
            seen.add(token)
            parameters = {**parameters, key: token}
        call.fault, call.message = fault.kind, fault.message

    def _refusal(self, api: Api, keep: int) -> Fault | None:
        """Why not to call at all."""
        lost = self._lost.get(None) or self._lost.get(api.service)
        if lost is not None:
            return lost
        if time.monotonic() > self._ends_at:
            return Fault("late", f"not asked to the end: {MOST_SECONDS:.0f} s for the collection are over")
        with self._lock:
            if self._left(api) <= keep:
                return Fault(
                    "budget", "not asked to the end: the budget of calls is used; ask for a shorter time"
                )
            self._made[api] = self._made.get(api, 0) + 1
        return None

    def _noted(self, api: Api, fault: Fault) -> Fault:
        if fault.is_for_all:
            self._lost[None] = fault
        elif fault.is_for_service:
            self._lost[api.service] = fault
        return fault

    def _wait(self, api: Api) -> None:
        """Keep to the API's own rate, or to the one that was asked for."""
        pace = self._paces.get(api, api.per_second)
        if pace is None:
            return
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next_at.get(api, now))
            self._next_at[api] = at + 1 / pace
        time.sleep(at - now)

    def client(self, service: str) -> Any:  # noqa: ANN401 - each service has a client class of its own
        """The client of a service, for who reads its pages in a way of its own.

        Raises:
            BotoCoreError: no region is known, or the endpoint cannot be used.
        """
        return self._clients[service]

    def close(self) -> None:
        """Close the connections."""
        self._clients.close()


class _Clients:
    """One client per service, made when first used."""

    def __init__(self, region: str | None, session: Session) -> None:
        self._session = session
        self._region = region
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __getitem__(self, service: str) -> Any:  # noqa: ANN401 - each service has a client class of its own
        with self._lock:
            if service not in self._made:
                self._made[service] = self._session.create_client(
                    service,
                    region_name=self._region,
                    config=Config(
                        retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
                        connect_timeout=5,
                        read_timeout=30,
                    ),
                )
            return self._made[service]

    def close(self) -> None:
        for client in self._made.values():
            client.close()


def region_of_chain() -> str | None:
    """The region that the ordinary AWS chain names."""
    try:
        region: str | None = botocore.session.Session().get_config_variable("region")
    except FAULTS:
        return None
    return region


def as_printed(page: Page) -> str:
    """A page as the AWS CLI prints it: four blanks, times as ISO 8601 in UTC."""
    return json.dumps(page, indent=4, ensure_ascii=False, default=_as_text) + "\n"


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(type(value).__name__)


def _method(api: Api) -> str:
    return api.dump.replace("-", "_")


def _next(page: Page) -> tuple[str, str | None]:
    """Where the next page begins: parameter and value."""
    if page.get("NextMarker"):
        return "Marker", page["NextMarker"]
    return "NextToken", page.get("NextToken") or None


@contextlib.contextmanager
def _whole_when_done(path: Path) -> Iterator[TextIO]:
    """A file that appears when all that came is in it; nothing came: no file."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", errors="replace") as sink:
        yield sink
        size = sink.tell()
    if size:
        partial.rename(path)
    else:
        partial.unlink()
