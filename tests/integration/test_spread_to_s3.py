"""Executors that share a bucket and no folder: their rows are sent there, and the ledger stays behind."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import S3FileSystem

from pipeline.errors import StoreError
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
from tests.support.s3_server import Folder, S3Server, object_body


@dataclass
class Executors:
    """Runs the work of executors here."""

    rows_at: str | None

    def spread(
        self, work: Callable[[Iterable[bytes]], Iterator[bytes]], pieces: Sequence[bytes]
    ) -> Iterator[bytes]:
        yield from work(pieces)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    place = tmp_path / "logs"
    place.mkdir()
    for seed in range(3):
        (place / f"{seed}.log.gz").write_bytes(object_body(seed, 40))
    (place / "odd.log").write_text("no entry\n")
    return place


def read(bucket: S3FileSystem, files: Sequence[str]) -> pa.Table:
    return pa.concat_tables(
        [pq.read_table(bucket.open_input_file(file.removeprefix("s3a://"))) for file in files]
    )


def frame(table: pa.Table) -> pl.DataFrame:
    return pl.DataFrame(table).sort("object_key", "line_number")


def test_rows_lie_at_the_uri_and_the_ledger_here(
    server: S3Server, folder: Folder, logs: Path, lake: Lake, tmp_path: Path
) -> None:
    uri = f"s3a://ready/{folder.prefix}/rows"
    with Lake.open(tmp_path / "ledger", uri) as there:
        ours = pull(str(logs), there, Window(), spreader=Executors(uri))
        theirs = pull(str(logs), lake, Window())
        assert (ours.rows, ours.rejected, ours.lines) == (theirs.rows, theirs.rejected, theirs.lines)
        files = there.request_files(Window())
        assert files
        assert all(file.startswith(f"{uri}/requests/") for file in files)
        rejects = there.rejected_files()
    bucket = S3FileSystem(endpoint_override=server.endpoint)
    sent, rejected = read(bucket, files), read(bucket, rejects)
    assert frame(sent).equals(frame(pa.concat_tables(map(pq.read_table, lake.request_files(Window())))))
    assert rejected.num_rows == 1
    assert not [*(tmp_path / "ledger").rglob("*.parquet")]


@pytest.mark.usefixtures("folder")
def test_a_bucket_that_refuses_ends_the_run(logs: Path, tmp_path: Path) -> None:
    uri = "s3a://no-such-bucket/rows"
    with (
        Lake.open(tmp_path / "ledger", uri) as there,
        pytest.raises(StoreError, match="s3a://no-such-bucket/rows: cannot write"),
    ):
        pull(str(logs), there, Window(), spreader=Executors(uri))
