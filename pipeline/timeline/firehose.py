"""Objects that Amazon Data Firehose delivered into a bucket around a window, found by their keys.

A key is ``<prefix>YYYY/MM/DD/HH/<stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid>``: when the oldest record of
the object arrived, in UTC. What a stream with a time zone or a time pattern of its own delivers is not found.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.timeline.collection import Call
from pipeline.timeline.s3_prefix import S3Prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUFFER = timedelta(minutes=15)
"""A stream waits so long at most: records of an object arrived that much after its oldest one."""
LATENESS = timedelta(hours=1)
"""So much later than what it tells a record may arrive: CloudWatch Logs tries again when a stream is busy."""
_STAMP = "%Y-%m-%d-%H-%M-%S"
_NAME = re.compile(
    r"(?:^|/)([\w.-]{1,64}-\d+-(\d{4}(?:-\d\d){5})-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}[\w.-]{0,32})$",
    re.ASCII,
)


@dataclass(frozen=True)
class Delivered:
    """One object.

    Attributes:
        key: its key.
        name: the key's last part, which no other object has.
        size: bytes.
        arrived_at: when its oldest record arrived, UTC.
    """

    key: str
    name: str
    size: int
    arrived_at: datetime


def around(
    source: S3Prefix,
    client: "S3Client",
    listing: Call,
    since: datetime,
    until: datetime,
) -> Iterator[Delivered]:
    """Objects that may tell of the span, hour after hour; other objects beside them are passed over."""
    first, last = since - BUFFER, until + LATENESS
    root = _root(source, client, listing)
    for number in range((last.date() - first.date()).days + 1):
        day = first.date() + timedelta(days=number)
        where = {"Prefix": f"{root}{day:%Y/%m/%d}/", "StartAfter": f"{root}{first:%Y/%m/%d/%H}/"}
        for key, size in source.objects(client, listing, **where):
            if key > f"{root}{last:%Y/%m/%d/%H}0":  # the character after the slash: a later hour
                return
            found = _delivered(key, size)
            if found is not None and first <= found.arrived_at <= last:
                yield found


def oldest(source: S3Prefix, client: "S3Client", listing: Call) -> datetime | None:
    """When the oldest object that is still there was begun."""
    years = f"{_root(source, client, listing)}2"
    for key, size in source.objects(client, listing, Prefix=years):
        found = _delivered(key, size)
        if found is not None:
            return found.arrived_at
    return None


def _root(source: S3Prefix, client: "S3Client", listing: Call) -> str:
    """The prefix as the stream has it: Firehose puts no slash behind it, and people leave it out."""
    prefix = source.prefix
    if not prefix or prefix.endswith("/"):
        return prefix
    is_folder = any(True for _ in source.objects(client, listing, Prefix=f"{prefix}/"))
    return f"{prefix}/" if is_folder else prefix


def _delivered(key: str, size: int) -> Delivered | None:
    named = _NAME.search(key)
    if named is None:
        return None
    try:
        arrived_at = datetime.strptime(named[2], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Delivered(key, named[1], size, arrived_at)
