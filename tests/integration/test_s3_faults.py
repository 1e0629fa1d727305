"""Pulling from a bucket that throttles, breaks off or changes under the reader."""

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import SourceError
from pipeline.ingest import s3_session
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.ingest.s3 import S3Source
from pipeline.ingest.source import Candidate
from pipeline.model import Window
from tests.support.alb_lines import START, object_key
from tests.support.aws_stand_in import Answer, Asked, StandIn, stand_in
from tests.support.s3_server import Folder, object_body

ROOT = Path(__file__).resolve().parents[2]
EVER = Window()
ETAG = '"d41d8cd98f00b204e9800998ecf8427e"'
GOOD = Answer(200, object_body(1), {"ETag": ETAG})
LISTED = Answer(
    200,
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents>"
    + f"<Key>{object_key(1, START)}</Key><ETag>{ETAG}</ETag><Size>700</Size>".encode()
    + b"</Contents></ListBucketResult>",
    {"Content-Type": "application/xml"},
)


def error(status: int, code: str, message: str = "says S3") -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


def first(times: int, bad: Answer, good: Answer) -> Callable[[], Answer]:
    answers = iter([bad] * times)
    return lambda: next(answers, good)


@contextmanager
def bucket(
    monkeypatch: pytest.MonkeyPatch,
    get: Callable[[], Answer],
    listing: Callable[[], Answer] = lambda: LISTED,
) -> Iterator[StandIn]:
    """An S3 of one object; the AWS chain points at it."""

    def answer(asked: Asked) -> Answer:
        return listing() if "list-type=2" in asked.path else get()

    with stand_in(answer) as running:
        point_at(running, monkeypatch)
        yield running


def point_at(running: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def gets(running: StandIn) -> int:
    return sum("list-type=2" not in asked.path for asked in running.asked)


def test_a_throttled_read_is_tried_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(monkeypatch, first(2, error(503, "SlowDown"), GOOD)) as running:
        summary = pull("s3://logs", lake, EVER)
    assert (summary.ingested, summary.problems, gets(running)) == (1, [], 3)


def test_a_throttled_listing_is_tried_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(monkeypatch, lambda: GOOD, first(2, error(503, "SlowDown"), LISTED)):
        assert pull("s3://logs", lake, EVER).ingested == 1


def test_a_read_that_stays_throttled_is_a_problem_of_its_object(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_session, "ATTEMPTS", 2)
    with bucket(monkeypatch, lambda: error(503, "SlowDown")):
        (problem,) = pull("s3://logs", lake, EVER).problems
    assert problem.reason == "cannot be fetched: SlowDown: says S3"


def test_a_listing_that_stays_throttled_ends_the_pull(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_session, "ATTEMPTS", 2)
    with (
        bucket(monkeypatch, lambda: GOOD, lambda: error(503, "SlowDown")),
        pytest.raises(SourceError, match=r"s3://logs: s3:ListBucket failed \(SlowDown: says S3\)"),
    ):
        pull("s3://logs", lake, EVER)


CUT = Answer(200, GOOD.body[:100], {"ETag": ETAG}, promised=len(GOOD.body) - 100)
GARBLED = Answer(200, GOOD.body, {"ETag": ETAG, "x-amz-checksum-crc32": "AAAAAA=="})


@pytest.mark.parametrize("bad", [CUT, GARBLED], ids=["cut off", "other checksum"])
def test_a_body_that_did_not_arrive_whole_is_fetched_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, bad: Answer
) -> None:
    with bucket(monkeypatch, first(2, bad, GOOD)) as running:
        summary = pull("s3://logs", lake, EVER)
    assert (summary.ingested, summary.rows, summary.problems, gets(running)) == (1, 5, [], 3)


@pytest.mark.parametrize("bad", [CUT, GARBLED], ids=["cut off", "other checksum"])
def test_a_body_that_never_arrives_whole_is_a_problem_and_is_tried_by_the_next_pull(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, bad: Answer
) -> None:
    with bucket(monkeypatch, first(3, bad, GOOD)):
        summary = pull("s3://logs", lake, EVER)
        (problem,) = summary.problems
        assert (summary.ingested, problem.reason.partition(":")[0]) == (0, "cannot be fetched")
        assert pull("s3://logs", lake, EVER).ingested == 1


_FETCH = """
import resource, sys
from pipeline.ingest.s3 import S3Source
from pipeline.model import Window

source = S3Source(sys.argv[1])
(candidate,) = source.candidates(Window())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
payload = source.fetch(candidate)
print(payload.size, payload.content_hash, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_a_large_object_goes_to_the_disk_and_not_into_memory(folder: Folder) -> None:
    content = random.Random(1).randbytes(100 << 20)  # noqa: S311 - any bytes
    folder.put(object_key(1, START), content)
    done = subprocess.run(
        [sys.executable, "-c", _FETCH, folder.uri], capture_output=True, text=True, check=True, cwd=ROOT
    )
    size, digest, grown_mb = done.stdout.split()
    assert (int(size), digest) == (len(content), hashlib.sha256(content).hexdigest())
    assert int(grown_mb) < 60


def test_an_object_changed_since_it_was_listed_is_left_for_the_next_pull(
    folder: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (1, 2):
        folder.put(object_key(seed, START), object_body(seed))
    listed = S3Source.candidates

    def then_change(self: S3Source, window: Window) -> Iterator[Candidate]:
        yield from listed(self, window)
        folder.put(object_key(1, START), object_body(1, lines=3))

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(S3Source, "candidates", then_change)
        summary = pull(folder.uri, lake, EVER)
    assert (summary.ingested, [problem.reason for problem in summary.problems]) == (
        1,
        ["cannot be fetched: changed since it was listed; pull again"],
    )
    again = pull(folder.uri, lake, EVER)
    assert (again.ingested, again.rows, again.problems) == (1, 3, [])


@pytest.mark.parametrize(
    ("status", "code", "message", "sentence"),
    [
        (400, "ExpiredToken", "", "the credentials have expired .*aws sso login"),
        (403, "RequestTimeTooSkewed", "", "this machine's clock is wrong .*NTP"),
        (403, "InvalidAccessKeyId", "", "the credentials are not accepted"),
        (301, "PermanentRedirect", "", "the bucket is in another region .*AWS_DEFAULT_REGION"),
        (403, "AccessDenied", "Access Denied", "access denied .*allow s3:ListBucket$"),
        (
            403,
            "AccessDenied",
            "User: u is not authorized to perform: s3:ListBucket on resource: b with an explicit deny",
            "access denied .*explicit deny.*allow s3:ListBucket$",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_listing_that_is_refused_says_what_to_do(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, status: int, code: str, message: str, sentence: str
) -> None:
    with (
        bucket(monkeypatch, lambda: GOOD, lambda: error(status, code, message)),
        pytest.raises(SourceError, match=f"^s3://logs: {sentence}") as caught,
    ):
        pull("s3://logs", lake, EVER)
    assert caught.value.exit_code == 4


def test_a_key_that_may_not_be_used_to_decrypt_is_told_apart(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = (
        "User: u is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext"
    )
    with (
        bucket(monkeypatch, lambda: error(403, "AccessDenied", message)),
        pytest.raises(SourceError, match=r"\.log\.gz: access denied .*; allow kms:Decrypt$"),
    ):
        pull("s3://logs", lake, EVER)


def test_a_key_that_is_switched_off_costs_the_objects_that_need_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket(monkeypatch, lambda: error(400, "KMS.DisabledException")):
        (problem,) = pull("s3://logs", lake, EVER).problems
    assert problem.reason == "cannot be fetched: KMS.DisabledException: says S3"


@pytest.mark.parametrize("says_so", ["redirect", "wrong signature"])
def test_a_bucket_in_another_region_is_read_there(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, says_so: str
) -> None:
    there = {"x-amz-bucket-region": "eu-central-1"}
    away = replace(error(301, "PermanentRedirect"), headers=there)
    if says_so == "wrong signature":
        text = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>"
        away = Answer(400, text.encode(), there)

    def answer(asked: Asked) -> Answer:
        if "/eu-central-1/s3/" not in asked.headers["authorization"]:
            return away
        return LISTED if "list-type=2" in asked.path else GOOD

    with stand_in(answer) as running:
        point_at(running, monkeypatch)
        assert pull("s3://logs", lake, EVER).ingested == 1
    assert len(running.asked) == 3, "told once, remembered afterwards"
