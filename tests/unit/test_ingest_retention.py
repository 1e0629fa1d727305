"""Objects of which nothing is left are forgotten where they would not be read again."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.ingest.check import check
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.ingest.retention import expire, forget
from pipeline.model import Window
from tests.support.alb_lines import object_key, object_lines

END = datetime(2026, 3, 2, 12, 5, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake with one object an hour for three hours, and one whose name tells no time."""
    logs = tmp_path / "logs"
    for hour in range(3):
        put(logs / object_key(hour, END + timedelta(hours=hour)), hour, END + timedelta(hours=hour))
    put(logs / "renamed.log.gz", 9, END)
    with Lake.open(tmp_path / "store") as opened:
        pull(str(logs), opened, Window())
        yield opened


def put(path: Path, seed: int, end: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = object_lines(seed, 10, start=end - timedelta(minutes=5))
    path.write_bytes(gzip.compress("\n".join([*lines, "no entry"]).encode(), mtime=0))


def keys(lake: Lake) -> int:
    return lake.objects().num_rows


def test_only_what_is_gone_and_old_enough_is_forgotten(lake: Lake, tmp_path: Path) -> None:
    assert forget(lake, END + timedelta(days=1)) == 0
    expire(lake, END + timedelta(hours=1, minutes=55))  # two hours go, and the renamed object's lines
    assert keys(lake) == 4
    assert forget(lake, END) == 0
    assert forget(lake, END + timedelta(minutes=1)) == 1
    assert forget(lake, END + timedelta(days=1)) == 1
    assert keys(lake) == 2
    assert check(lake).findings == []
    again = pull(str(tmp_path / "logs"), lake, Window(END + timedelta(hours=2, minutes=30)))
    assert (again.ingested, again.outside_window) == (0, 2)


def test_an_object_that_was_forgotten_can_be_read_again(lake: Lake, tmp_path: Path) -> None:
    expire(lake, END + timedelta(hours=1, minutes=55))
    forget(lake, END + timedelta(days=1))
    assert pull(str(tmp_path / "logs"), lake, Window()).ingested == 2
    assert check(lake).findings == []
