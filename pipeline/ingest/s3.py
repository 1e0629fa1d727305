"""Logs in a bucket, through the ordinary AWS credential chain."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import (
    ConnectionError as UnreachableError,
)

from pipeline.errors import SourceError
from pipeline.ingest import keys, s3_session
from pipeline.ingest.refusals import refusal, said
from pipeline.ingest.s3_listing import Place, listed
from pipeline.ingest.s3_options import S3Options
from pipeline.ingest.source import Candidate, Payload, UnreadableError, spooled
from pipeline.model import Window

_PIECE = 1 << 20
_IN_MEMORY = 8 << 20
_TRIES = 3
_NETWORK = (HTTPClientError, UnreachableError, IncompleteReadError, FlexibleChecksumError)
_GONE = {"NoSuchKey", "404"}
_CHANGED = {"PreconditionFailed", "412"}


class S3Source:
    """All objects below ``s3://bucket/prefix``."""

    is_remote = True

    def __init__(
        self,
        uri: str,
        options: S3Options | None = None,
        load_balancer: str | None = None,
        *,
        on_disk: bool = True,
    ) -> None:
        """Take ``s3://bucket/prefix`` and perhaps the only load balancer; nothing is asked of AWS yet.

        ``on_disk`` says whether an object beyond 8 MiB may wait in a temporary file.
        """
        self._in_memory = _IN_MEMORY if on_disk else None
        self._bucket, _, self._prefix = uri.removeprefix("s3://").partition("/")
        if not self._bucket:
            raise SourceError(f"{uri}: names no bucket; give s3://bucket/prefix")
        options = options or S3Options()
        self._load_balancer = load_balancer
        self._role = options.assume_role
        self._payer: dict[str, Any] = {"RequestPayer": "requester"} if options.requester_pays else {}
        with self._explained("s3:ListBucket", f"s3://{self._bucket}"):
            self._client = s3_session.client(self._role, options.region)

    def candidates(self, window: Window) -> Iterator[Candidate]:
        """Objects page by page; with a window, day folders apart from it are not listed."""
        with self._explained("s3:ListBucket", f"s3://{self._bucket}"):
            place = Place(self._bucket, self._prefix, self._load_balancer)
            found = listed(self._client, place, window, self._payer)
            yield from map(self._candidate, found)

    def _candidate(self, found: Any) -> Candidate:  # noqa: ANN401 - a TypedDict that exists for the type checker only
        uri = f"s3://{self._bucket}/{found['Key']}"
        is_doubtful = keys.kind(uri) == "other" and keys.may_be_delivered(uri, is_remote=True)
        etag, size = str(found["ETag"]).strip('"'), int(found["Size"])
        return Candidate(
            uri,
            uri,
            etag,
            size,
            by_name=not is_doubtful,
            is_doubtful=is_doubtful,
            written_at=found.get("LastModified"),
        )

    def fetch(self, candidate: Candidate) -> Payload:
        """Download into memory, or into a temporary file beyond 8 MiB."""
        for attempt in range(_TRIES):
            try:
                with self._explained("s3:GetObject", candidate.locator):
                    return self._download(
                        candidate.locator.removeprefix(f"s3://{self._bucket}/"), candidate.etag
                    )
            except (*_NETWORK, UnreadableError) as problem:
                if attempt + 1 == _TRIES or isinstance(problem, UnreadableError):
                    raise UnreadableError(f"cannot be fetched: {problem}") from problem
        raise AssertionError(_TRIES)

    def _download(self, key: str, etag: str) -> Payload:
        """The object as it was listed: the lake must not keep other rows under its ETag."""
        answer = self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=f'"{etag}"', **self._payer)
        return spooled(answer["Body"].iter_chunks(_PIECE), self._in_memory)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _explained(self, action: str, where: str) -> Iterator[None]:
        """Say in the user's terms what AWS refused."""
        try:
            yield
        except ClientError as problem:
            if problem.operation_name == "AssumeRole":
                raise _no_role(problem, str(self._role)) from problem
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
    code, message = said(problem)
    if code == "NoSuchBucket" or (code in _GONE and action == "s3:ListBucket"):
        return SourceError(f"s3://{bucket}: no such bucket (NoSuchBucket); check its name and the account")
    also = " and kms:Decrypt where it is encrypted with a key" if action == "s3:GetObject" else ""
    refused = refusal(problem, action, also)
    if refused is not None:
        return SourceError(f"{where}: {refused}")
    if action == "s3:GetObject":
        return UnreadableError(_loss(code) or f"{code}: {message}")
    return SourceError(f"{where}: {action} failed ({code}: {message})")


def _no_role(problem: ClientError, role: str) -> SourceError:
    why = refusal(problem, "sts:AssumeRole") or "{}: {}".format(*said(problem))
    return SourceError(
        f"{role}: cannot be assumed: {why}; the role's trust policy has to name the credentials in use, too"
    )


def _loss(code: str) -> str | None:
    if code in _GONE:
        return "deleted since it was listed"
    return "changed since it was listed; pull again" if code in _CHANGED else None
