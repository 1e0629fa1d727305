"""Lists a bucket; with a window, only the folders and pages that can hold it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.ingest import keys
from pipeline.model import Window

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAGE = 1000
_OF_ARN = re.compile(r"arn:[^:]+:elasticloadbalancing:(?P<region>[^:]+):(?P<account>\d+):loadbalancer/.+")
_ACCOUNT = re.compile(r"(?:^|/)AWSLogs/(?:[^/]+/)?(\d{12})/$")
_REGION = re.compile(r"/elasticloadbalancing/([a-z0-9-]+)/$")
_OTHER_SERVICE = re.compile(r"(?:^|/)AWSLogs/(?:[^/]+/)?\d{12}/(?!elasticloadbalancing/)[^/]+/$")
_DAY = re.compile(r"(?:^|/)AWSLogs/(?:[^/]+/)?(\d{12})/elasticloadbalancing/([a-z0-9-]+)/\d{4}/\d\d/\d\d/$")
_KINDS = ("", "conn_log.", "conn_log_", "health_check_log.", "health_check_log_")
"""What stands before the account in names of a day; AWS writes the second kind's in two ways."""
_NAMED = re.compile(r"^(?P<load_balancer>.*_)\d{8}T\d{4}Z_[^_]+_[^_]+$", re.DOTALL)
_PAST_INTERVALS = "~"
"""Sorts after every digit, so after every interval."""


@dataclass(frozen=True, slots=True)
class Place:
    """What to list: the keys of a bucket that start with a prefix, perhaps of one load balancer only."""

    bucket: str
    prefix: str
    load_balancer: str | None = None
    """Name, ``app/name/id`` or ARN."""


def listed(client: "S3Client", place: Place, window: Window, payer: Any) -> Iterator[Any]:  # noqa: ANN401 - a TypedDict that exists for the type checker only
    """What ListObjectsV2 says about each object, in its order.

    Left out with a window: folders of other services and of days apart from it, and within a day other
    load balancers than the one asked for and what lies between two pages and names an interval apart.

    Args:
        client: asked page by page, as far as the iterator is read.
        place: bucket and start of the keys.
        window: time of the rows that are wanted.
        payer: more parameters of ListObjectsV2.

    Raises:
        ClientError: the bucket refuses or does not exist.
        BotoCoreError: the bucket cannot be reached.
    """
    fixed = {"Bucket": place.bucket, "MaxKeys": _PAGE, **payer}
    if window.since is None and window.until is None:
        for page in _pages(client, {**fixed, "Prefix": place.prefix}, window):
            yield from page.get("Contents", [])
    else:
        yield from _by_folder(client, {**fixed, "Delimiter": "/"}, place, window)


def _by_folder(client: "S3Client", fixed: dict[str, Any], place: Place, window: Window) -> Iterator[Any]:
    for start in _starts(place):
        for page in _pages(client, {**fixed, "Prefix": start}, window):
            yield from page.get("Contents", [])
            for folder in page.get("CommonPrefixes", []):
                name = folder["Prefix"]
                if not _is_apart(name, place) and keys.folder_overlaps(name, window):
                    yield from _by_folder(client, fixed, replace(place, prefix=name), window)


def _is_apart(folder: str, place: Place) -> bool:
    """Of another service, or of another account or region than the load balancer's ARN names?"""
    if _OTHER_SERVICE.search(folder):
        return True
    wanted = _OF_ARN.fullmatch(place.load_balancer or "")
    account, region = _ACCOUNT.search(folder), _REGION.search(folder)
    return wanted is not None and (
        (account is not None and account[1] != wanted["account"])
        or (region is not None and region[1] != wanted["region"])
    )


def _starts(place: Place) -> list[str]:
    """Starts of the keys of a folder: in that of a day, of one load balancer's objects of each kind."""
    day = _DAY.search(place.prefix)
    if place.load_balancer is None or day is None:
        return [place.prefix]
    account, region = day.groups()
    name = f"{account}_elasticloadbalancing_{region}_{keys.name_start(place.load_balancer)}"
    return [place.prefix + kind + name for kind in _KINDS]


def _pages(client: "S3Client", fixed: dict[str, Any], window: Window) -> Iterator[Any]:
    place: dict[str, Any] = {}
    while True:
        page = client.list_objects_v2(**fixed, **place)
        yield page
        if not page["IsTruncated"]:
            return
        onward = skip(_last(page), window)
        place = {"StartAfter": onward} if onward else {"ContinuationToken": page["NextContinuationToken"]}


def _last(page: Any) -> str:  # noqa: ANN401 - a TypedDict that exists for the type checker only
    names = [one["Key"] for one in page.get("Contents", [])[-1:]]
    names += [one["Prefix"] for one in page.get("CommonPrefixes", [])[-1:]]
    return max(names, default="")


def skip(last: str, window: Window) -> str | None:
    """Where to go on after the key ``last``; None when the next key may matter.

    Keys of one load balancer and day lie in the order of their intervals: those before the window can be
    skipped up to its start, those after it up to the next load balancer.
    """
    named, written = keys.parse(last), _NAMED.match(last)
    if named is None or written is None or keys.overlaps(named, window):
        return None
    onward = _PAST_INTERVALS
    if window.since is not None and named.end < window.since:
        onward = f"{window.since - keys.LATENESS:%Y%m%dT%H%MZ}"
    target = written["load_balancer"] + onward
    return target if target > last else None
