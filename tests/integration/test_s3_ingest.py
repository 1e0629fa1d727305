"""Pulling from a real S3 server."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.errors import SourceError
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
from tests.support.alb_lines import START, object_key, object_lines
from tests.support.s3_server import S3Server, s3_server

EVER = Window()
END = START + timedelta(minutes=5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    name = f"logs-{abs(hash(request.node.name)) % 10**8}"
    server.client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Lake.open(tmp_path / "store") as opened:
        yield opened


def body(seed: int, lines: int = 5) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in object_lines(seed, lines)).encode())


def test_pulling_twice_is_pulling_once(server: S3Server, bucket: str, lake: Lake) -> None:
    client = server.client()
    for seed in range(5):
        client.put_object(Bucket=bucket, Key=f"logs/{object_key(seed, END)}", Body=body(seed))
    client.put_object(Bucket=bucket, Key="logs/AWSLogs/111122223333/ELBAccessLogTestFile", Body=b"Enable")
    first = pull(f"s3://{bucket}/logs", lake, EVER)
    assert (first.listed, first.ingested, first.rows, first.left_out) == (6, 5, 25, {"test_file": 1})
    again = pull(f"s3://{bucket}/logs", lake, EVER)
    assert (again.already_known, again.ingested) == (5, 0)
    keys = lake.objects().column("object_key").to_pylist()
    assert keys == sorted(f"s3://{bucket}/logs/{object_key(seed, END)}" for seed in range(5))


def test_a_changed_etag_replaces_the_rows(server: S3Server, bucket: str, lake: Lake) -> None:
    client = server.client()
    for seed in (1, 2):
        client.put_object(Bucket=bucket, Key=object_key(seed, END), Body=body(seed))
    pull(f"s3://{bucket}", lake, EVER)
    client.put_object(Bucket=bucket, Key=object_key(1, END), Body=body(1, lines=3))
    assert pull(f"s3://{bucket}", lake, EVER).ingested == 1
    assert sum(lake.objects().column("rows").to_pylist()) == 8


def test_a_local_copy_of_a_pulled_object_is_known(server: S3Server, bucket: str, lake: Lake, tmp_path: Path) -> None:
    server.client().put_object(Bucket=bucket, Key=object_key(1, END), Body=body(1))
    pull(f"s3://{bucket}", lake, EVER)
    copy = tmp_path / "copy" / object_key(1, END)
    copy.parent.mkdir(parents=True)
    copy.write_bytes(body(1))
    assert pull(str(tmp_path / "copy"), lake, EVER).already_known == 1


def test_more_keys_than_a_page_holds_are_all_read(server: S3Server, bucket: str, lake: Lake) -> None:
    client = server.client()
    for seed in range(1003):
        client.put_object(Bucket=bucket, Key=object_key(seed, END), Body=b"")
    summary = pull(f"s3://{bucket}/AWSLogs/", lake, EVER)
    assert (summary.listed, summary.ingested, len(summary.problems)) == (1003, 1003, 1003)
    assert {problem.reason for problem in summary.problems} == {"empty object"}


def test_a_window_lists_only_days_around_it(server: S3Server, bucket: str, lake: Lake) -> None:
    client = server.client()
    for days in (-40, -3, 0, 3):
        client.put_object(Bucket=bucket, Key=f"p/{object_key(1, END + timedelta(days=days))}", Body=body(1))
    client.put_object(Bucket=bucket, Key="p/AWSLogs/111122223333/CloudTrail/eu-west-1/x.json.gz", Body=b"{}")
    summary = pull(f"s3://{bucket}/p/", lake, Window(START, START + timedelta(hours=1)))
    assert (summary.listed, summary.ingested) == (1, 1)


def test_a_wrong_secret_names_the_permission(
    server: S3Server, bucket: str, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.environment(secret="wrong")["AWS_SECRET_ACCESS_KEY"])
    with pytest.raises(SourceError, match=r"access denied \(SignatureDoesNotMatch.*allow s3:ListBucket") as caught:
        pull(f"s3://{bucket}", lake, EVER)
    assert caught.value.exit_code == 4


@pytest.mark.usefixtures("bucket")
def test_a_missing_bucket_is_told_apart_from_a_refusal(lake: Lake) -> None:
    with pytest.raises(SourceError, match="s3://no-such-bucket-here: no such bucket"):
        pull("s3://no-such-bucket-here/logs", lake, EVER)


@pytest.mark.usefixtures("bucket")
def test_an_endpoint_that_nobody_serves_is_a_source_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SourceError, match="cannot be reached"):
        pull("s3://any/logs", lake, EVER)


def test_a_source_without_a_bucket_is_refused(lake: Lake) -> None:
    with pytest.raises(SourceError, match="names no bucket"):
        pull("s3:///logs", lake, EVER)
