"""One S3 server for all tests that need one, and a lake."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.ingest.lake import Lake
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


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """An empty lake."""
    with Lake.open(tmp_path / "store") as opened:
        yield opened
