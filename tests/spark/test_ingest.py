"""Logs read on Spark: the same rows, rejects and ledger as the threads of one machine give, and once only."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from pipeline import queries
from pipeline.engine.duckdb import Engine
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.ingest.spread import Spreader
from pipeline.ingest.summary import PullSummary
from pipeline.model import REJECTED_LINES, REQUESTS, Window
from tests.support.engines_compared import differences

pytestmark = pytest.mark.spark

OBJECTS = 40
FIGURES = ("listed", "ingested", "lines", "rows", "rejected", "compressed_bytes", "rows_of", "left_out")


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spreader]:
    from pipeline.engine.spark import SparkEngine

    with SparkEngine("local[2]", str(tmp_path_factory.mktemp("shared"))) as engine:
        yield engine


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Objects of the demo, a copy of one, one cut off, one with odd lines, and a file of another kind."""
    folder = tmp_path / "logs"
    folder.mkdir()
    some = sorted((queries.demo_folder() / "logs").rglob("*.log.gz"))[:OBJECTS]
    for path in some:
        shutil.copy(path, folder / path.name)
    (folder / "copy").mkdir()
    shutil.copy(some[0], folder / "copy" / some[0].name)
    (folder / "cut.log.gz").write_bytes(some[1].read_bytes()[:-40])
    (folder / "odd.log.gz").write_bytes(
        gzip.compress(gzip.decompress(some[2].read_bytes()) + b"no entry\n\n")
    )
    (folder / "notes.txt").write_text("none of ours\n")
    return folder


def rows_of(lake: Lake) -> tuple[pl.DataFrame, pl.DataFrame]:
    with Engine() as engine:
        engine.attach_parquet(REQUESTS, lake.request_files(Window()))
        engine.attach_parquet(REJECTED_LINES, lake.rejected_files())
        return engine.table(REQUESTS.name), engine.table(REJECTED_LINES.name)


def figures(summary: PullSummary) -> dict[str, object]:
    problems = sorted((one.object_key, one.reason) for one in summary.problems)
    return {name: getattr(summary, name) for name in FIGURES} | {"problems": problems}


def test_spark_reads_what_threads_read_and_no_line_twice(tmp_path: Path, logs: Path, spark: Spreader) -> None:
    with Lake.open(tmp_path / "here") as here, Lake.open(tmp_path / "there") as there:
        ours, theirs = pull(str(logs), here, Window(), spreader=spark), pull(str(logs), there, Window())
        assert figures(ours) == figures(theirs)
        assert ours.lines == ours.rows + ours.rejected
        assert ours.rejected >= 2
        again = pull(str(logs), here, Window(), spreader=spark)
        assert (again.ingested, again.already_known) == (0, theirs.ingested + 1), "the copy is known too"
        for mine, yours in zip(rows_of(here), rows_of(there), strict=True):
            assert mine.height
            assert not differences(mine, yours)
        timeless = pl.all().exclude("ingested_at")
        assert (
            pl.DataFrame(here.objects())
            .select(timeless)
            .equals(pl.DataFrame(there.objects()).select(timeless))
        )
        assert set(here.present_files()) == here.known_files()


def test_a_changed_object_replaces_its_rows(tmp_path: Path, logs: Path, spark: Spreader) -> None:
    with Lake.open(tmp_path / "here") as here:
        pull(str(logs), here, Window(), spreader=spark)
        changed = logs / "odd.log.gz"
        changed.write_bytes(gzip.compress(gzip.decompress(changed.read_bytes()) + b"one more\n"))
        summary = pull(str(logs), here, Window(), spreader=spark)
        assert summary.ingested == 1
        requests, rejected = rows_of(here)
        objects = pl.DataFrame(here.objects())
        assert requests.height == objects["rows"].sum()
        assert rejected.height == objects["rejected"].sum()
