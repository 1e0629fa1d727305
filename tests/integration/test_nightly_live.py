"""The nightly run against S3 and AWS as they are asked live, up and down."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.usecases.nightly_journal import Journal
from tests.support.aws_replay import Trouble, replay
from tests.support.aws_runs import EXTRAS
from tests.support.nightly_runs import Ended, nightly, receivers
from tests.support.recent_day import RecentDay, recent_day
from tests.support.s3_server import Folder, S3Server


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> RecentDay:
    """Yesterday, from midnight to midnight: whatever the hour, the night finds the whole story in it."""
    midnight = np.datetime64("today").astype("datetime64[s]")
    return recent_day(tmp_path_factory.mktemp("yesterday"), midnight)


@pytest.fixture
def bucket(folder: Folder, day: RecentDay) -> Folder:
    """The logs of that day."""
    for path in sorted(day.logs.rglob("*")):
        if path.is_file():
            folder.put(str(path.relative_to(day.logs)), path.read_bytes())
    return folder


def asked(bucket: Folder, store: Path, **environment: str) -> Ended:
    return nightly(
        *("--logs", bucket.uri, "--lb", "shop", "--store", str(store)),
        **{"FORENSICS_NIGHTLY__CLUSTER": "false", "AWS_MAX_ATTEMPTS": "1", **environment},
    )


def test_an_outage_of_aws_costs_evidence_and_is_made_up_for_the_same_night(
    bucket: Folder, server: S3Server, day: RecentDay, tmp_path: Path
) -> None:
    s3 = {"AWS_ENDPOINT_URL_S3": server.endpoint}
    keys = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    with replay(day.aws, EXTRAS) as aws, receivers() as outside:
        environment = {**aws.environment(), **s3, **keys, **outside.environment()}
        aws.troubles = [Trouble("ServiceUnavailable", status=503)]
        down = asked(bucket, tmp_path / "store", **environment)
        assert down.state("pull") == "done", down.remarks
        assert (down.state("snapshot"), down.code) == ("failed", 6)
        assert down.summary["days"][0]["is_incomplete"]
        assert Journal.read(tmp_path / "store").observed_to is None

        aws.troubles = []
        up = asked(bucket, tmp_path / "store", **environment)
        assert (up.state("pull"), up.state("snapshot")) == ("already_done", "done"), up.remarks
        assert up.summary["days"][0]["is_correction"]
        named = {cause for cause in up.summary["days"][0]["by_cause"] if cause != "insufficient_evidence"}
        assert "scale_in" in named
        yesterday = str((datetime.now(UTC) - timedelta(days=1)).date())
        assert {one["day"] for one in outside.told} == {yesterday}
        assert [one["is_correction"] for one in outside.told] == [False, True]

        calls = len(aws.asked)
        idle = asked(bucket, tmp_path / "store", **environment)
        assert idle.summary["state"] == "nothing_to_do"
        assert len(aws.asked) == calls


@pytest.mark.parametrize("trouble", ["denied", "nobody there"])
def test_a_bucket_that_refuses_or_is_gone_fails_the_night(
    bucket: Folder, server: S3Server, tmp_path: Path, trouble: str
) -> None:
    environment = server.environment(access_key="reader") if trouble == "denied" else server.environment()
    if trouble == "nobody there":
        environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    failed = asked(bucket, tmp_path / "store", **environment, FORENSICS_NIGHTLY__AWS="false")
    assert (failed.code, failed.state("pull")) == (4, "failed")
    assert failed.detail("attribute") == "for its logs"
    went_on = asked(bucket, tmp_path / "store", **server.environment(), FORENSICS_NIGHTLY__AWS="false")
    assert went_on.state("attribute") == "done", went_on.remarks
