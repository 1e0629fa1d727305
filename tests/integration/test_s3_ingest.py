"""Pulling from a real S3 server."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SourceError
from pipeline.ingest import s3_listing, s3_session
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.ingest.s3 import S3Source
from pipeline.ingest.source import Candidate
from pipeline.model import Window
from tests.support.alb_lines import START, object_key
from tests.support.s3_server import LISTER, READER, Folder, S3Server, object_body

EVER = Window()
END = START + timedelta(minutes=5)


def test_pulling_twice_is_pulling_once(folder: Folder, lake: Lake) -> None:
    for seed in range(5):
        folder.put(object_key(seed, END), object_body(seed))
    folder.put("AWSLogs/111122223333/ELBAccessLogTestFile", b"Enable")
    first = pull(folder.uri, lake, EVER)
    assert (first.listed, first.ingested, first.rows, first.left_out) == (6, 5, 25, {"test_file": 1})
    again = pull(folder.uri, lake, EVER)
    assert (again.already_known, again.ingested) == (5, 0)
    keys = {row["object_key"] for row in lake.objects().to_pylist()}
    assert keys == {f"{folder.uri}/{object_key(seed, END)}" for seed in range(5)}


def test_a_changed_etag_replaces_the_rows(folder: Folder, lake: Lake) -> None:
    for seed in (1, 2):
        folder.put(object_key(seed, END), object_body(seed))
    pull(folder.uri, lake, EVER)
    folder.put(object_key(1, END), object_body(1, lines=3))
    assert pull(folder.uri, lake, EVER).ingested == 1
    assert sorted(row["rows"] for row in lake.objects().to_pylist()) == [3, 5]


def test_a_local_copy_of_a_pulled_object_is_known(folder: Folder, lake: Lake, tmp_path: Path) -> None:
    folder.put(object_key(1, END), object_body(1))
    pull(folder.uri, lake, EVER)
    copy = tmp_path / "copy" / object_key(1, END)
    copy.parent.mkdir(parents=True)
    copy.write_bytes(object_body(1))
    assert pull(str(tmp_path / "copy"), lake, EVER).already_known == 1


def test_more_keys_than_a_page_holds_are_all_read(
    folder: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[int] = []
    ordinary = s3_listing._pages

    def counted(*values: Any) -> Iterator[Any]:  # noqa: ANN401 - passed on
        for page in ordinary(*values):
            pages.append(page["KeyCount"])
            yield page

    monkeypatch.setattr(s3_listing, "_pages", counted)
    for seed in range(1003):
        folder.put(object_key(seed, END), b"")
    summary = pull(f"{folder.uri}/AWSLogs/", lake, EVER)
    assert (summary.listed, summary.ingested, len(summary.problems)) == (1003, 1003, 1003)
    assert {problem.reason for problem in summary.problems} == {"empty object"}
    assert pages == [1000, 3]


def test_a_window_lists_only_days_around_it(folder: Folder, lake: Lake) -> None:
    for days in (-40, -3, 0, 3):
        folder.put(object_key(1, END + timedelta(days=days)), object_body(1))
    folder.put("AWSLogs/111122223333/CloudTrail/eu-west-1/x.json.gz", b"{}")
    summary = pull(f"{folder.uri}/", lake, Window(START, START + timedelta(hours=1)))
    assert (summary.listed, summary.ingested) == (1, 1)


def as_user(server: S3Server, monkeypatch: pytest.MonkeyPatch, **keys: str) -> None:
    for name, value in server.environment(**keys).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("keys", "code"),
    [({"secret_key": "wrong"}, "SignatureDoesNotMatch"), ({"access_key": "nobody"}, "InvalidAccessKeyId")],
)
def test_a_key_that_is_not_accepted_is_told_apart_from_a_missing_permission(
    server: S3Server,
    folder: Folder,
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    keys: dict[str, str],
    code: str,
) -> None:
    as_user(server, monkeypatch, **keys)
    with pytest.raises(
        SourceError, match=rf"s3://ready: the credentials are not accepted \({code}: "
    ) as caught:
        pull(folder.uri, lake, EVER)
    assert caught.value.exit_code == 4


def test_a_user_who_may_not_list_is_told_the_permission(
    server: S3Server, folder: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put(object_key(1, END), object_body(1))
    as_user(server, monkeypatch, access_key=READER)
    with pytest.raises(
        SourceError, match=r"^s3://ready: access denied \(AccessDenied: .*allow s3:ListBucket$"
    ):
        pull(folder.uri, lake, EVER)


def test_a_user_who_may_not_read_is_told_the_permission_and_the_object(
    server: S3Server, folder: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put(object_key(1, END), object_body(1))
    as_user(server, monkeypatch, access_key=LISTER)
    with pytest.raises(
        SourceError, match=r"\.log\.gz: access denied \(AccessDenied: .*allow s3:GetObject and kms"
    ):
        pull(folder.uri, lake, EVER)
    assert lake.objects().num_rows == 0


def test_an_object_deleted_since_it_was_listed_is_a_problem_of_its_own(
    folder: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put(object_key(1, END), object_body(1))
    folder.put(object_key(2, END), object_body(2))
    listed = S3Source.candidates

    def then_delete(self: S3Source, window: Window) -> Iterator[Candidate]:
        yield from listed(self, window)
        folder.client.delete_object(Bucket="ready", Key=f"{folder.prefix}/{object_key(1, END)}")

    monkeypatch.setattr(S3Source, "candidates", then_delete)
    summary = pull(folder.uri, lake, EVER)
    assert (summary.ingested, [problem.reason for problem in summary.problems]) == (
        1,
        ["cannot be fetched: deleted since it was listed"],
    )


@pytest.mark.usefixtures("folder")
def test_a_missing_bucket_is_told_apart_from_a_refusal(lake: Lake) -> None:
    with pytest.raises(SourceError, match="s3://no-such-bucket-here: no such bucket"):
        pull("s3://no-such-bucket-here/logs", lake, EVER)


@pytest.mark.usefixtures("folder")
def test_an_endpoint_that_nobody_serves_is_a_source_error(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(s3_session, "ATTEMPTS", 1)
    with pytest.raises(SourceError, match="cannot be reached"):
        pull("s3://any/logs", lake, EVER)


def test_a_source_without_a_bucket_is_refused(lake: Lake) -> None:
    with pytest.raises(SourceError, match="names no bucket"):
        pull("s3:///logs", lake, EVER)
