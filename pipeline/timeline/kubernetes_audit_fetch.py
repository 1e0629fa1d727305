"""Live EKS audit log from CloudWatch Logs, stored page by page as ``filter-log-events`` prints it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import StoreError
from pipeline.timeline.aws_apis import MOST_LOG_PAGES
from pipeline.timeline.kubernetes_fetch import Fetched, compact, whole
from pipeline.timeline.redact import Scrubber

NAME = "kubernetes_audit"
ACTION = "logs:FilterLogEvents"
"""The one permission needed, on the log group."""

STREAMS = "kube-apiserver-audit"
PATTERN = (
    '{ ($.stage = "ResponseComplete")'
    ' && ($.verb = "create" || $.verb = "delete" || $.verb = "patch" || $.verb = "update")'
    ' && ($.objectRef.resource = "pods" || $.objectRef.resource = "nodes") }'
)
"""What `kubernetes_audit` makes events of; CloudWatch Logs scans everything and returns only this."""

MOST_PAGES = MOST_LOG_PAGES
"""For more than this, subscribe the log group to Firehose."""

LAG = timedelta(minutes=5)
"""Audit events reach CloudWatch Logs a few minutes late."""

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_MISSING = "ResourceNotFoundException"


class LogsClient(Protocol):
    """The one method used of boto3's CloudWatch Logs client."""

    def filter_log_events(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as boto3 has it
        """One page."""
        ...


def fetch(
    client: LogsClient,
    group: str,
    since: datetime,
    until: datetime,
    folder: Path,
    scrubber: Scrubber | None = None,
    *,
    is_probe: bool = False,
) -> Fetched:
    """Store the audit events of a window; what was read before an error or the limit is kept.

    Args:
        client: CloudWatch Logs.
        group: log group, ``/aws/eks/<cluster>/cluster``.
        since: start of the window, UTC.
        until: its end, exclusive.
        folder: where the file goes; made if need be.
        scrubber: takes people out of what is written.
        is_probe: read one page, to see whether it is allowed; nothing is covered.

    Raises:
        StoreError: the folder cannot be written.
    """
    path = folder / f"filter-log-events.{group.strip('/').replace('/', '-')}.jsonl"
    reading = _Reading(client, group, since, until, is_probe=is_probe)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            for page in reading.pages():
                file.write(compact(page if scrubber is None else scrubber.scrubbed(page)) + b"\n")
        if not reading.events:
            path.unlink()  # an empty file would be no JSON
    except OSError as problem:
        raise StoreError(f"{folder}: {problem.strerror}; is it writable, is there space?") from problem
    return reading.outcome(path)


class _Reading:
    """One window being read."""

    def __init__(
        self, client: LogsClient, group: str, since: datetime, until: datetime, *, is_probe: bool
    ) -> None:
        self.client, self.group, self.since, self.until = client, group, since, until
        self.is_probe = is_probe
        self.calls, self.events, self.last_ms = 0, 0, 0
        self.is_missing = False
        self.is_reached, self.is_complete = False, False
        self.denied: str | None = None
        self.message = ""

    def pages(self) -> Iterator[dict[str, Any]]:
        """Pages that hold events; the empty ones in between are normal."""
        token: str | None = None
        for _ in range(MOST_PAGES):
            page = self._page(token)
            if page is None:
                return
            events = page.get("events") or []
            self.events += len(events)
            self.last_ms = max([self.last_ms, *(int(event.get("timestamp") or 0) for event in events)])
            if events:
                yield {"events": events, "searchedLogStreams": page.get("searchedLogStreams") or []}
            if self.is_probe:
                return
            following = page.get("nextToken")
            if not following:
                self.is_complete = True
                return
            if following == token:
                self.message = f"{self.group}: its pages go in a circle; read {self._reach()}"
                return
            token = following
        self.message = f"{self.group}: more than {MOST_PAGES} pages; read {self._reach()}; ask for less time"

    def _page(self, token: str | None) -> Mapping[str, Any] | None:
        request = {
            "logGroupName": self.group,
            "logStreamNamePrefix": STREAMS,
            "startTime": _milliseconds(self.since),
            "endTime": _milliseconds(self.until),
            "filterPattern": PATTERN,
            **({"nextToken": token} if token else {}),
        }
        self.calls += 1
        try:
            page = self.client.filter_log_events(**request)
        except ClientError as problem:
            self.is_reached = True
            code = str(problem.response.get("Error", {}).get("Code"))
            self.denied = ACTION if code in _DENIED else None
            self.is_missing = code == _MISSING
            self.message = f"{self.group}: {ACTION} failed ({code}); read {self._reach()}"
            return None
        except BotoCoreError as problem:
            self.message = f"{self.group}: {ACTION} failed ({problem}); read {self._reach()}"
            return None
        self.is_reached = True
        return page

    def _reach(self) -> str:
        return f"up to {_instant(self.last_ms):%Y-%m-%d %H:%M:%S} UTC" if self.last_ms else "nothing"

    def outcome(self, path: Path) -> Fetched:
        """What came of it: the whole window, or up to the last event."""
        arrived = max(self.since, min(self.until, datetime.now(UTC) - LAG))
        covered_to = arrived if self.is_complete else _instant(self.last_ms)
        is_covered = not self.is_probe and (self.is_complete or self.last_ms > 0)
        return Fetched(
            NAME,
            self.group,
            is_reached=self.is_reached,
            denied=self.denied,
            covered_from=self.since if is_covered else None,
            covered_to=covered_to if is_covered else None,
            objects=self.events,
            message=self.message,
            path=path if self.events else None,
            calls=self.calls,
            is_missing=self.is_missing,
        )


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
