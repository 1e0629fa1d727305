"""One S3 server and one stand-in for the rest of AWS for all tests that need them, a lake, a day in AWS."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.ingest.lake import Lake
from pipeline.timeline import aws_apis
from tests.support.aws_replay import Replay, replay
from tests.support.aws_runs import EXTRAS
from tests.support.moto_server import Moto, moto_server
from tests.support.recent_day import RecentDay, recent_day
from tests.support.s3_server import Folder, S3Server, s3_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running S3 server."""
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def folder(
    server: S3Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Folder]:
    """A prefix named after the test; the AWS chain points at the server."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    client = server.client()
    yield Folder(client, str(request.node.name))
    client.close()


@pytest.fixture(scope="session")
def moto_running() -> Iterator[Moto]:
    """A running moto."""
    with moto_server() as running:
        yield running


@pytest.fixture
def moto(moto_running: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moto]:
    """An empty account; the AWS chain points at it."""
    for name, value in moto_running.environment().items():
        monkeypatch.setenv(name, value)
    yield moto_running
    moto_running.clear()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """An empty lake."""
    with Lake.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> RecentDay:
    """The bundled incident, ended a short while ago."""
    return recent_day(tmp_path_factory.mktemp("day"))


@pytest.fixture
def aws(day: RecentDay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replay]:
    """A server that answers for AWS; the slow rate of CloudTrail's history is tested on its own."""
    monkeypatch.setattr(aws_apis, "LOOKUP", replace(aws_apis.LOOKUP, per_second=None))
    with replay(day.aws, EXTRAS) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server
