"""Copies a trail's own files out of its bucket: those that may tell of the window.

A file's name carries the time of its delivery, which is later than the events in it: up to an hour is
allowed for. Files without any event that the timeline understands are read and left behind.
"""

import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import StoreError
from pipeline.timeline import cloudtrail_fetch as history
from pipeline.timeline.aws_faults import FAULTS, explain
from pipeline.timeline.cloudtrail_calls import CALLS
from pipeline.timeline.collection import Call
from pipeline.timeline.collector import Collector
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.s3_prefix import S3Prefix
from pipeline.timeline.scope import Scope

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SLACK = timedelta(hours=1)
"""So much later than its events a file may be delivered."""
MOST_FILES = 5000
MOST_BYTES = 64 << 20
"""Compressed size of one file; trails write files of a few megabytes at most."""
_CHUNK = 1 << 20
_STAMP = "%Y%m%dT%H%MZ"
_DELIVERED = re.compile(r"_(\d{8}T\d{4}Z)_[^_/]+\.json\.gz$")
_TOLD = re.compile("|".join(f'"{name}"' for name in sorted(CALLS)).encode())
_LONGEST = max(map(len, CALLS)) + 2


def fetch(scope: Scope, ask: Collector, trail: S3Prefix) -> bool:
    """Copy the files of the load balancers' account (all accounts while it is unknown) and the asked region.

    Args:
        scope: load balancers and window.
        ask: the collection that the files belong to.
        trail: its bucket, and what stands before ``AWSLogs/``, without slashes around it.

    Returns:
        Whether everything was read; coverage is then noted.

    Raises:
        StoreError: the files cannot be written.
    """
    now = datetime.now(UTC)
    since, until = scope.since - history.BEFORE, min(scope.until + history.AFTER, now)
    listing = ask.began("s3", "s3:ListBucket", f"s3://{trail.bucket}")
    listing.source = "cloudtrail"
    reading = ask.began("s3", "s3:GetObject", f"s3://{trail.bucket}")
    reading.source = "cloudtrail"
    call = listing
    try:
        client = trail.client()
        for key, size in _wanted(client, trail, scope, ask.record.region or "", (since, until), listing):
            if reading.calls >= MOST_FILES:
                _fail(
                    reading, "budget", f"only the first {MOST_FILES} files were read; ask for a shorter time"
                )
                break
            call = reading
            _copy(client, trail, key, size, ask.folder, reading, ask.scrubber)
            call = listing
    except FAULTS as problem:
        fault = explain(problem, call.action)
        _fail(call, fault.kind, fault.message)
    except OSError as problem:
        raise StoreError(f"{ask.folder}: {problem.strerror}; is there space?") from problem
    if listing.fault or reading.fault:
        return False
    ask.covered("cloudtrail", since, min(until, now - history.DELAY))
    return True


def _fail(call: Call, kind: str, message: str) -> None:
    call.fault, call.message = kind, message


def _wanted(
    client: "S3Client",
    trail: S3Prefix,
    scope: Scope,
    region: str,
    span: tuple[datetime, datetime],
    listing: Call,
) -> Iterator[tuple[str, int]]:
    """Keys and sizes of the files whose delivery fits the span."""
    accounts = list(_accounts(client, trail, listing))
    own = [folder for folder in accounts if scope.account and folder.endswith(f"/{scope.account}/")]
    if not accounts or (scope.account and not own):
        whose = f" of account {scope.account}" if scope.account else ""
        where = f"s3://{trail.bucket}/{_root(trail)}"
        _fail(
            listing,
            "not_found",
            f"{where} holds no trail{whose}; the setting is s3://bucket/prefix of the trail",
        )
    since, last = span[0], span[1] + SLACK
    for folder in own or ([] if scope.account else accounts):
        for day in range((last.date() - since.date()).days + 1):
            of_day = since.date() + timedelta(days=day)
            place = f"{folder}CloudTrail/{region}/{of_day:%Y/%m/%d}/"
            account = folder.rstrip("/").rsplit("/", 1)[-1]
            first = f"{place}{account}_CloudTrail_{region}_{since:{_STAMP}}"
            for key, size in trail.objects(client, listing, Prefix=place, StartAfter=first):
                stamp = _DELIVERED.search(key)
                if stamp and stamp[1] <= f"{last:{_STAMP}}":
                    yield key, size


def _root(trail: S3Prefix) -> str:
    return f"{trail.prefix}/AWSLogs/" if trail.prefix else "AWSLogs/"


def _accounts(client: "S3Client", trail: S3Prefix, listing: Call) -> Iterator[str]:
    """Folders of accounts, those below an organisation's folder included."""
    for folder in trail.folders(client, listing, _root(trail)):
        if folder.rsplit("/", 2)[-2].startswith("o-"):
            yield from trail.folders(client, listing, folder)
        else:
            yield folder


def _copy(
    client: "S3Client",
    trail: S3Prefix,
    key: str,
    size: int,
    folder: Path,
    reading: Call,
    scrubber: Scrubber | None,
) -> None:
    """Store one file, byte for byte unless it is to be redacted, when it tells of anything known."""
    if size > MOST_BYTES:
        _fail(reading, "failed", f"s3://{trail.bucket}/{key} has {size:,} bytes, too many for a trail's file")
        return
    name = key[key.index("AWSLogs/") :]
    if ".." in name.split("/"):  # a bucket takes any key, a trail writes none like it
        _fail(reading, "failed", f"s3://{trail.bucket}/{key} leads out of the folder of the pages; not read")
        return
    body = trail.body(client, reading, key)
    if not _tells(body):
        return
    if scrubber is not None:
        body = scrubber.packed(body) or b""
    if not body:
        _fail(reading, "failed", f"s3://{trail.bucket}/{key} is damaged, and so cannot be redacted")
        return
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    reading.files.append(name)


def _tells(body: bytes) -> bool:
    """Whether a gzip file names a known event; a damaged one is kept, for its reader to report."""
    inflater = zlib.decompressobj(wbits=31)
    rest, tail = body, b""
    while rest:
        try:
            text = inflater.decompress(rest, _CHUNK)
        except zlib.error:
            return True
        if _TOLD.search(tail + text):
            return True
        tail = text[-_LONGEST:]
        if inflater.eof:
            rest = inflater.unused_data
            inflater = zlib.decompressobj(wbits=31)
        else:
            rest = inflater.unconsumed_tail
    return False
