"""Logs in a bucket, through the ordinary AWS credential chain."""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
)
from botocore.exceptions import (
    ConnectionError as UnreachableError,
)

from pipeline.errors import SourceError
from pipeline.ingest import keys
from pipeline.ingest.source import Candidate, Payload, UnreadableError
from pipeline.model import Window

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PIECE = 1 << 20
_IN_MEMORY = 8 << 20
_TRIES = 3
_ATTEMPTS = 6
_OTHER_SERVICE = re.compile(r"(?:^|/)AWSLogs/(?:[^/]+/)?\d{12}/(?!elasticloadbalancing/)[^/]+/$")
_DENIED = {
    *("AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"),
    *("InvalidToken", "AllAccessDisabled", "AccountProblem"),
}
_NETWORK = (HTTPClientError, UnreachableError)
_GONE = {"NoSuchKey", "404"}


def _client() -> "S3Client":
    options: dict[str, Any] = {
        "retries": {"mode": "adaptive", "max_attempts": _ATTEMPTS},
        "max_pool_connections": 16,
        "connect_timeout": 10,
        "read_timeout": 60,
    }
    session = boto3.Session()  # the shared one would keep the credentials of its first use
    client: S3Client = session.client("s3", config=Config(**options))
    if "amazonaws.com" in client.meta.endpoint_url:
        return client
    client.close()
    return session.client("s3", config=Config(**options, s3={"addressing_style": "path"}))


class S3Source:
    """All objects below ``s3://bucket/prefix``."""

    is_remote = True

    def __init__(self, uri: str) -> None:
        """Take ``s3://bucket/prefix``; nothing is asked of AWS yet."""
        self._bucket, _, self._prefix = uri.removeprefix("s3://").partition("/")
        if not self._bucket:
            raise SourceError(f"{uri}: names no bucket; give s3://bucket/prefix")
        with self._explained("s3:ListBucket", f"s3://{self._bucket}"):
            self._client = _client()

    def candidates(self, window: Window) -> Iterator[Candidate]:
        """Objects page by page; with a window, day folders apart from it are not listed."""
        with self._explained("s3:ListBucket", f"s3://{self._bucket}"):
            if window.since is None and window.until is None:
                yield from self._flat()
            else:
                yield from self._by_day(self._prefix, window)

    def _flat(self) -> Iterator[Candidate]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
            yield from map(self._candidate, page.get("Contents", []))

    def _by_day(self, prefix: str, window: Window) -> Iterator[Candidate]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/"):
            yield from map(self._candidate, page.get("Contents", []))
            for folder in page.get("CommonPrefixes", []):
                name = folder["Prefix"]
                if not _OTHER_SERVICE.search(name) and keys.folder_overlaps(name, window):
                    yield from self._by_day(name, window)

    def _candidate(self, listed: Any) -> Candidate:  # noqa: ANN401 - a TypedDict that exists for the type checker only
        uri = f"s3://{self._bucket}/{listed['Key']}"
        return Candidate(uri, uri, str(listed["ETag"]).strip('"'), int(listed["Size"]), by_name=True)

    def fetch(self, candidate: Candidate) -> Payload:
        """Download into memory, or into a temporary file beyond 8 MiB."""
        for attempt in range(_TRIES):
            try:
                with self._explained("s3:GetObject", candidate.locator):
                    return self._download(candidate.locator.removeprefix(f"s3://{self._bucket}/"))
            except (*_NETWORK, UnreadableError) as problem:
                if attempt + 1 == _TRIES or isinstance(problem, UnreadableError):
                    raise UnreadableError(f"cannot be fetched: {problem}") from problem
        raise AssertionError(_TRIES)

    def _download(self, key: str) -> Payload:
        answer = self._client.get_object(Bucket=self._bucket, Key=key)
        spool = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - the reader closes it
        digest = hashlib.sha256()
        try:
            for piece in answer["Body"].iter_chunks(_PIECE):
                digest.update(piece)
                spool.write(piece)
        except BaseException:
            spool.close()
            raise
        size = spool.tell()
        spool.seek(0)
        return Payload(spool, digest.hexdigest(), size)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _explained(self, action: str, where: str) -> Iterator[None]:
        """Say in the user's terms what AWS refused."""
        try:
            yield
        except ClientError as problem:
            raise _reason(problem, action, where, self._bucket) from problem
        except _NETWORK as problem:
            if action == "s3:GetObject":
                raise
            raise SourceError(f"{where}: cannot be reached: {problem}") from problem
        except BotoCoreError as problem:
            raise SourceError(
                f"{where}: {problem}; check the AWS credentials, region and endpoint"
            ) from problem


def _reason(problem: ClientError, action: str, where: str, bucket: str) -> SourceError | UnreadableError:
    error = problem.response.get("Error", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    if code == "NoSuchBucket" or (code in _GONE and action == "s3:ListBucket"):
        return SourceError(f"s3://{bucket}: no such bucket (NoSuchBucket); check its name and the account")
    if code in _DENIED:
        more = " and kms:Decrypt where it is encrypted with a key" if action == "s3:GetObject" else ""
        return SourceError(
            f"{where}: access denied ({code}: {message}); allow {action}{more}, and check the credentials"
        )
    if action == "s3:GetObject":
        return UnreadableError("deleted since it was listed" if code in _GONE else f"{code}: {message}")
    return SourceError(f"{where}: {action} failed ({code}: {message})")
