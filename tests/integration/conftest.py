"""One S3 server and one stand-in for the rest of AWS for all tests that need them, and a lake."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.ingest.lake import Lake
from tests.support.moto_server import Moto, moto_server
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
