"""Reading a bucket as a role, and at the reader's expense."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from pipeline.config import Settings, load
from pipeline.errors import ConfigError, SourceError
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.ingest.s3 import S3Source
from pipeline.ingest.s3_options import S3Options
from pipeline.model import Window
from pipeline.usecases.incident import Question, investigate
from pipeline.usecases.pull import pull as use_case
from tests.support.alb_lines import START, object_key
from tests.support.aws_stand_in import Answer, Asked, stand_in
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, Folder, S3Server, object_body

EVER = Window()
ROLE = "arn:aws:iam::111122223333:role/log-reader"
AS_ROLE = S3Options(assume_role=ROLE)


def assumed(lifetime: timedelta) -> Callable[[Asked], Answer]:
    """STS that hands out the one user whom the S3 server lets in."""

    def answer(_: Asked) -> Answer:
        given = {
            "AccessKeyId": ACCESS_KEY,
            "SecretAccessKey": SECRET_KEY,
            "SessionToken": "",
            "Expiration": f"{datetime.now(UTC) + lifetime:%Y-%m-%dT%H:%M:%SZ}",
        }
        fields = "".join(f"<{name}>{value}</{name}>" for name, value in given.items())
        text = f"<Credentials>{fields}</Credentials>"
        return sts_answer(200, f"<AssumeRoleResult>{text}</AssumeRoleResult>")

    return answer


def sts_answer(status: int, content: str) -> Answer:
    name = "AssumeRoleResponse" if status == 200 else "ErrorResponse"
    xmlns = "https://sts.amazonaws.com/doc/2011-06-15/"
    return Answer(
        status, f'<{name} xmlns="{xmlns}">{content}</{name}>'.encode(), {"Content-Type": "text/xml"}
    )


def refused(_: Asked) -> Answer:
    return sts_answer(403, "<Error><Code>AccessDenied</Code><Message>not you</Message></Error>")


@pytest.fixture
def stranger(server: S3Server, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Two objects that the chain's own credentials may not read."""
    for seed in (1, 2):
        folder.put(object_key(seed, START), object_body(seed))
    for name, value in server.environment(secret_key="wrong").items():  # noqa: S106 - a wrong one
        monkeypatch.setenv(name, value)
    return folder


def test_a_role_reads_what_the_chain_may_not(
    stranger: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stand_in(assumed(timedelta(hours=1))) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint)
        with pytest.raises(SourceError, match="the credentials are not accepted"):
            pull(stranger.uri, lake, EVER)
        assert pull(stranger.uri, lake, EVER, s3=AS_ROLE).ingested == 2
    (asked,) = sts.asked
    said = parse_qs(asked.body)
    assert (said["Action"], said["RoleArn"], said["RoleSessionName"]) == (
        ["AssumeRole"],
        [ROLE],
        ["forensics"],
    )


def test_a_role_is_assumed_again_before_its_credentials_expire(
    stranger: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stand_in(assumed(timedelta(minutes=5))) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint)
        assert pull(stranger.uri, lake, EVER, s3=AS_ROLE).ingested == 2
    assert len(sts.asked) > 1


def test_a_role_that_may_not_be_assumed_names_the_permission(
    stranger: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stand_in(refused) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint)
        with pytest.raises(
            SourceError, match=rf"^{ROLE}: cannot be assumed: access denied \(AccessDenied: not you\)"
        ) as caught:
            pull(stranger.uri, lake, EVER, s3=AS_ROLE)
    assert "sts:AssumeRole" in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_role_without_credentials_to_assume_it_is_a_source_error(
    stranger: Folder, lake: Lake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with stand_in(refused) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint)
        with pytest.raises(SourceError, match="check the AWS credentials"):
            pull(stranger.uri, lake, EVER, s3=AS_ROLE)
    assert sts.asked == []


@pytest.mark.parametrize(("options", "header"), [(S3Options(requester_pays=True), "requester"), (None, None)])
def test_only_a_requester_who_says_so_pays(
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    server: S3Server,
    options: S3Options | None,
    header: str | None,
) -> None:
    etag = '"0cc175b9c0f1b6a831c399e269772661"'
    found = f"<Contents><Key>{object_key(1, START)}</Key><ETag>{etag}</ETag><Size>700</Size></Contents>"
    listing = f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()

    def answer(asked: Asked) -> Answer:
        return Answer(200, listing if "list-type=2" in asked.path else object_body(1), {"ETag": etag})

    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    with stand_in(answer) as s3:
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
        assert pull("s3://logs", lake, EVER, s3=options).ingested == 1
    assert [asked.headers.get("x-amz-request-payer") for asked in s3.asked] == [header, header]


def test_a_bucket_whose_region_is_known_is_asked_there(folder: Folder, lake: Lake) -> None:
    folder.put(object_key(1, START), object_body(1))
    source = S3Source(folder.uri, S3Options(region="eu-central-1"))
    assert source._client.meta.region_name == "eu-central-1"
    source.close()
    assert pull(folder.uri, lake, EVER, s3=S3Options(region="eu-central-1")).ingested == 1


def test_a_real_server_takes_requester_pays(folder: Folder, lake: Lake) -> None:
    folder.put(object_key(1, START), object_body(1))
    assert pull(folder.uri, lake, EVER, s3=S3Options(requester_pays=True)).ingested == 1


def test_the_environment_names_payer_and_role(monkeypatch: pytest.MonkeyPatch) -> None:
    assert S3Options.of(Settings()) == S3Options()
    monkeypatch.setenv("FORENSICS_REQUESTER_PAYS", "1")
    monkeypatch.setenv("FORENSICS_ASSUME_ROLE", ROLE)
    assert S3Options.of(load()) == S3Options(requester_pays=True, assume_role=ROLE)


def test_a_role_that_is_no_arn_is_refused_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORENSICS_ASSUME_ROLE", "log-reader")
    with pytest.raises(ConfigError, match="assume_role"):
        load()


def test_pull_and_report_read_as_the_role_of_the_settings(
    stranger: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with stand_in(assumed(timedelta(hours=1))) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint)
        settings = load(store=tmp_path / "of-the-settings", assume_role=ROLE)
        assert use_case(stranger.uri, None, EVER, None, settings).logs.ingested == 2
        with investigate(Question(logs=stranger.uri), settings) as incident:
            assert incident.requests == 10
    assert len(sts.asked) == 2
