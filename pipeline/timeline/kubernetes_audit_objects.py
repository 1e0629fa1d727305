"""EKS audit logs that Amazon Data Firehose delivered to S3, copied object by object.

An object is kept when a record of the place and of the window is in it. What is covered follows from the
records themselves: where none is for minutes, where an object was not read, and in the time of which the
newest records may still be on their way, nothing is.
"""

import gzip
import io
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from pipeline.errors import StoreError
from pipeline.timeline import firehose
from pipeline.timeline.aws_faults import FAULTS, explain
from pipeline.timeline.base import Findings
from pipeline.timeline.collector import Collector
from pipeline.timeline.decode import Values
from pipeline.timeline.documents import objects
from pipeline.timeline.firehose import Delivered
from pipeline.timeline.inflate import Text
from pipeline.timeline.kubernetes import audit_messages
from pipeline.timeline.kubernetes_audit import is_audit
from pipeline.timeline.kubernetes_audit_fetch import LAG, NAME
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.s3_prefix import S3Prefix
from pipeline.timeline.scope import Scope

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MISSING = "missing"
"""Fault of a question whose answer is somewhere else, or nowhere."""
MOST_OBJECTS = 5000
MOST_BYTES = 128 << 20
"""Of one object: a stream buffers no more."""
MOST_BYTES_IN_ALL = 2 << 30
_MOST_PROBED = 10
"""Objects, the newest first, in which a probe looks for the place."""
QUIET = timedelta(minutes=5)
"""A kubelet reports its node at least that often: a longer silence is no audit log."""

_Span = tuple[datetime, datetime]
_EVER = datetime.max.replace(tzinfo=UTC)
_AT = re.compile(r'"requestReceivedTimestamp": ?"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')
_NODE = re.compile(r"system:node:[a-z0-9.-]+?\.(?:([a-z0-9-]+)\.compute|(ec2))\.internal")
_REGION_OF_EC2 = "us-east-1"
"""Where names of machines end in ``ec2.internal`` and name no region."""


def fetch(scope: Scope, ask: Collector, source: S3Prefix, looks: "Looks | None" = None) -> None:
    """Copy the objects that tell of the window in the load balancers' account and region.

    Args:
        scope: load balancers and window.
        ask: the collection that the objects belong to.
        source: where they are.
        looks: shared by all places that are asked about in one run, so that an object of another place is
            downloaded for one of them only; None: there is one place.

    Raises:
        StoreError: the objects cannot be written.
    """
    try:
        _Reading(scope, ask, source, looks).run()
    except OSError as problem:
        raise StoreError(f"{ask.folder}: {problem.strerror}; is there space?") from problem


class _Reading:
    """One prefix being read."""

    def __init__(self, scope: Scope, ask: Collector, source: S3Prefix, looks: "Looks | None") -> None:
        self.scope, self.ask, self.source, self.looks = scope, ask, source, looks
        self.now = datetime.now(UTC)
        self.since, self.until = scope.since, min(scope.until, self.now)
        self.listing = ask.began(NAME, "s3:ListBucket", source.uri)
        self.getting = ask.began(NAME, "s3:GetObject", source.uri)
        self.objects = 0
        self.bytes = 0
        self.instants: set[datetime] = set()
        self.lost: list[_Span] = []

    def run(self) -> None:
        """Read until the end, or until something fails."""
        call, reached = self.listing, self.since
        try:
            client = self.source.client()
            for found in self._wanted(client):
                reached = found.arrived_at.replace(minute=0, second=0)  # within an hour keys go by stream
                if self._is_used_up(found):
                    self._lose(reached, _EVER)
                    break
                call = self.getting
                self._read(client, found)
                call = self.listing
        except FAULTS as problem:
            fault = explain(problem, call.action)
            call.fault, call.message = fault.kind, fault.message
            self._lose(reached, _EVER)
        self._conclude()

    def _wanted(self, client: "S3Client") -> Iterator[Delivered]:
        found = firehose.around(self.source, client, self.listing, self.since, self.until)
        if not self.scope.is_probe:
            return found
        begun = firehose.oldest(self.source, client, self.listing)
        if begun is not None:
            self.ask.reaches(self.source.uri, begun)
        newest = reversed(deque(found, maxlen=_MOST_PROBED))
        return (one for one in newest if not self.instants)

    def _is_used_up(self, found: Delivered) -> bool:
        self.bytes += found.size
        if self.objects < MOST_OBJECTS and self.bytes <= MOST_BYTES_IN_ALL:
            return False
        self.getting.fault = "budget"
        self.getting.message = (
            f"only the first {self.objects:,} objects were read, up to {found.arrived_at:%d %b %H:%M} "
            "UTC; ask for a shorter time"
        )
        return True

    def _read(self, client: "S3Client", found: Delivered) -> None:
        if found.size > MOST_BYTES:
            self._unusable(found, f"has {found.size:,} bytes, too many for an object of Firehose")
            return
        self.objects += 1
        read = partial(self._look, client, found)
        told = read() if self.looks is None else self.looks.told(self.source, found, read)
        instants = told.instants_in(self.scope.account, self.ask.record.region, is_alone=self.scope.is_alone)
        if told.is_damaged:
            self._unusable(found, "is damaged; what it tells is not whole")
        else:
            self.instants |= instants
        if not any(self.since <= at < self.until for at in instants) or self.scope.is_probe:
            return
        if self.ask.scrubber is None or not told.is_damaged:  # what cannot be read cannot be redacted
            self._keep(found, told.content or read().content)

    def _look(self, client: "S3Client", found: Delivered) -> "Told":
        return look(self.source.body(client, self.getting, found.key), self.ask.scrubber)

    def _keep(self, found: Delivered, content: bytes) -> None:
        name = f"get-object.{found.name}"
        Path(self.ask.folder, name).write_bytes(content)
        self.getting.files.append(name)

    def _unusable(self, found: Delivered, why: str) -> None:
        self._lose(found.arrived_at, found.arrived_at + firehose.BUFFER)
        if self.getting.fault is None:
            self.getting.fault = "failed"
            self.getting.message = f"s3://{self.source.bucket}/{found.key} {why}"

    def _lose(self, first_arrival: datetime, last_arrival: datetime) -> None:
        """Note that records which arrived in a span were not read."""
        self.lost.append((first_arrival - firehose.LATENESS, last_arrival))

    def _conclude(self) -> None:
        """Say what was observed, or that nothing of the place is there."""
        if self.scope.is_probe:
            if self.instants:
                self.ask.showed(self.source.uri, max(self.instants))
        else:
            settled = min(self.until, self.now - firehose.BUFFER - LAG)
            for first, last in without(spans(self.instants), self.lost):
                self.ask.covered("audit", max(first, self.since), min(last, settled))
        if not self.instants and not self.listing.fault and not self.getting.fault:
            self.listing.fault, self.listing.message = MISSING, self._nothing()

    def _nothing(self) -> str:
        span = f"from {self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M} UTC"
        if not self.objects:
            return (
                f"{self.source.uri} holds no objects of Firehose {span}; the setting is s3://bucket/prefix "
                "of the stream, before YYYY/MM/DD/HH/"
            )
        place = f"account {self.scope.account}, region {self.ask.record.region}"
        where = f"the newest {self.objects} objects of " if self.scope.is_probe else ""
        return f"no audit log of {place} is in {where}{self.source.uri} {span}, or it names no place"


@dataclass
class Told:
    """What one object tells.

    Attributes:
        seconds: in which its audit events happened, by the account that CloudWatch Logs names, None where the
            stream delivers bare messages.
        regions: those that names of nodes tell.
        content: the object, without the people in it if it was to be redacted.
        is_damaged: whether something in it could not be read.
    """

    seconds: dict[str | None, set[str]] = field(default_factory=dict)
    regions: set[str] = field(default_factory=set)
    content: bytes = b""
    is_damaged: bool = False

    def instants_in(self, account: str | None, region: str | None, *, is_alone: bool) -> set[datetime]:
        """When events of a place happened; what names no place is of the only one that is asked about."""
        if not _is_of(self.regions, region, is_alone=is_alone):
            return set()
        return {
            datetime.fromisoformat(f"{second}+00:00")
            for owner, seconds in self.seconds.items()
            if _is_of({owner} - {None}, account, is_alone=is_alone)
            for second in seconds
        }


class Looks:
    """What objects told whoever looked first, without their content; for places asked side by side."""

    def __init__(self) -> None:
        """Nothing has been looked at."""
        self._lock = Lock()
        self._told: dict[tuple[str, str], Future[Told]] = {}

    def told(self, source: S3Prefix, found: Delivered, read: Callable[[], Told]) -> Told:
        """What an object tells; with its content for the first who asks.

        Raises:
            Whatever ``read`` raises, to everybody who asks for the object.
        """
        mine: Future[Told] = Future()
        with self._lock:
            first = self._told.setdefault((source.uri, found.key), mine)
        if first is not mine:
            return first.result()
        try:
            told = read()
        except BaseException as problem:
            mine.set_exception(problem)
            raise
        mine.set_result(replace(told, content=b""))
        return told


def _is_of(told: set[str] | set[str | None], own: str | None, *, is_alone: bool) -> bool:
    return is_alone if own is None or not told else own in told


def look(body: bytes, scrubber: Scrubber | None = None) -> Told:
    """Read an object as the reader of dumps will."""
    told, findings, redacted = Told(), Findings(), io.BytesIO()
    text = Text(partial(io.BytesIO, body))
    values = Values(text.chunks(), lambda what: findings.problem("", what))
    if values.starts_as_json():
        with gzip.GzipFile(fileobj=redacted, mode="wb", mtime=0) as packed:
            for value in objects(values, "", findings):
                _add(told, value)
                if scrubber is not None:
                    packed.write(json.dumps(scrubber.scrubbed(value)).encode() + b"\n")
    told.content = body if scrubber is None else redacted.getvalue()
    told.is_damaged = bool(findings.problems or text.trouble)
    return told


def _add(told: Told, value: Mapping[str, Any]) -> None:
    """Take what one envelope of CloudWatch Logs, or one bare audit event, tells."""
    owner = value.get("owner")
    texts = [json.dumps(value)] if is_audit(value) else audit_messages(value)
    for text in texts:
        at = _AT.search(text)
        if at is not None:
            told.seconds.setdefault(owner if isinstance(owner, str) else None, set()).add(at[1])
            told.regions |= {region or _REGION_OF_EC2 for region, _ in _NODE.findall(text)}


def spans(instants: Iterable[datetime]) -> list[_Span]:
    """Stretches without a long silence."""
    found: list[_Span] = []
    for at in sorted(instants):
        if found and at - found[-1][1] <= QUIET:
            found[-1] = (found[-1][0], at)
        else:
            found.append((at, at))
    return found


def without(found: Iterable[_Span], lost: Iterable[_Span]) -> list[_Span]:
    """What is left of spans."""
    left = list(found)
    for lost_from, lost_to in lost:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, lost_from)), (max(first, lost_to), last))
            if part[0] < part[1]
        ]
    return left
