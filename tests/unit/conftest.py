"""Places that many tests start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.ingest.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """An empty lake."""
    with Lake.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """An empty folder for log objects."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder
