"""Objects below a prefix of a bucket, listed and read for who knows which of them tell of a window."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.timeline.collection import Call

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class S3Prefix:
    """Where somebody puts files.

    Attributes:
        bucket: its bucket.
        prefix: how its keys begin; may be empty.
        client: makes the S3 client.
        payer: further parameters of every request.
    """

    bucket: str
    prefix: str
    client: Callable[[], Any]
    payer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """The place as settings name it."""
        return f"s3://{self.bucket}/{self.prefix}"

    def objects(self, client: "S3Client", listing: Call, **where: str) -> Iterator[tuple[str, int]]:
        """Keys and sizes, in order of the keys; every page counts as a call."""
        for page in self._pages(client, listing, where):
            yield from ((found["Key"], int(found["Size"])) for found in page.get("Contents", []))

    def folders(self, client: "S3Client", listing: Call, below: str) -> Iterator[str]:
        """What follows a prefix, up to the next slash."""
        for page in self._pages(client, listing, {"Prefix": below, "Delimiter": "/"}):
            yield from (found["Prefix"] for found in page.get("CommonPrefixes", []))

    def body(self, client: "S3Client", reading: Call, key: str) -> bytes:
        """A whole object; it counts as a call."""
        reading.calls += 1
        content: bytes = client.get_object(Bucket=self.bucket, Key=key, **self.payer)["Body"].read()
        return content

    def _pages(self, client: "S3Client", listing: Call, where: Mapping[str, Any]) -> Iterator[Any]:
        pages = client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, **where, **self.payer):
            listing.calls += 1
            yield page
