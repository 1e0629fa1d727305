"""Lists a bucket; with a window, only the folders and pages that can hold it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline.ingest import keys
from pipeline.model import Window

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAGE = 1000
_OTHER_SERVICE = re.compile(r"(?:^|/)AWSLogs/(?:[^/]+/)?\d{12}/(?!elasticloadbalancing/)[^/]+/$")
_NAMED = re.compile(r"^(?P<load_balancer>.*_)\d{8}T\d{4}Z_[^_]+_[^_]+$", re.DOTALL)
_PAST_INTERVALS = "~"
"""Sorts after every digit, so after every interval."""


def listed(client: "S3Client", bucket: str, prefix: str, window: Window, payer: Any) -> Iterator[Any]:  # noqa: ANN401 - a TypedDict that exists for the type checker only
    """What ListObjectsV2 says about each object, in its order.

    Left out with a window: folders of other services and of days apart from it, and within a day what
    lies between two pages and names an interval apart from it.

    Args:
        client: asked page by page, as far as the iterator is read.
        bucket: name of the bucket.
        prefix: what the keys start with.
        window: time of the rows that are wanted.
        payer: more parameters of ListObjectsV2.

    Raises:
        ClientError: the bucket refuses or does not exist.
        BotoCoreError: the bucket cannot be reached.
    """
    fixed = {"Bucket": bucket, "MaxKeys": _PAGE, **payer}
    if window.since is None and window.until is None:
        for page in _pages(client, {**fixed, "Prefix": prefix}, window):
            yield from page.get("Contents", [])
    else:
        yield from _by_folder(client, {**fixed, "Delimiter": "/"}, prefix, window)


def _by_folder(client: "S3Client", fixed: dict[str, Any], prefix: str, window: Window) -> Iterator[Any]:
    for page in _pages(client, {**fixed, "Prefix": prefix}, window):
        yield from page.get("Contents", [])
        for folder in page.get("CommonPrefixes", []):
            name = folder["Prefix"]
            if not _OTHER_SERVICE.search(name) and keys.folder_overlaps(name, window):
                yield from _by_folder(client, fixed, name, window)


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
