"""A store without the columns that nothing reads: the same lines, the same verdicts, fewer bytes."""

import gzip
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.ingest.compaction import compact
from pipeline.ingest.lake import Lake
from pipeline.ingest.layout import PARSER_VERSION
from pipeline.ingest.lean import LEAN_VERSION, UNREAD
from pipeline.ingest.pull import pull
from pipeline.model import Window
from tests.support import tiny_world
from tests.support.alb_lines import object_lines

ROOT = Path(__file__).resolve().parents[2]
READERS = [
    *(ROOT / "sql").rglob("*.sql"),
    *(
        path
        for part in ("attribute", "report", "usecases")
        for path in (ROOT / "pipeline" / part).rglob("*.py")
    ),
]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    text = "".join(f"{line}\n" for line in object_lines(3, 3000, errors=0.02))
    (folder / "a.log.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def rows(files: list[str]) -> pa.Table:
    tables: list[Any] = [pq.read_table(file, partitioning=None) for file in files]
    return pa.concat_tables(tables).unify_dictionaries().sort_by("line_number")


def read(logs: Path, store: Path, *, is_lean: bool) -> tuple[pa.Table, pa.Table, list[dict[str, Any]]]:
    """Requests, errors and objects of a new store."""
    with Lake.open(store) as lake:
        pull(str(logs), lake, Window(), is_lean=is_lean)
        return (
            rows(lake.request_files(Window())),
            rows(lake.error_files(Window())),
            lake.objects().to_pylist(),
        )


def test_a_lean_store_lacks_these_columns_of_requests_and_nothing_else(logs: Path, tmp_path: Path) -> None:
    full, full_errors, (object_,) = read(logs, tmp_path / "full", is_lean=False)
    lean, lean_errors, (lean_object,) = read(logs, tmp_path / "lean", is_lean=True)
    assert full.schema.equals(lean.schema)
    for name in full.schema.names:
        if name in UNREAD:
            assert full.column(name).null_count < full.num_rows
            assert lean.column(name).null_count == lean.num_rows
        else:
            assert full.column(name).to_pylist() == lean.column(name).to_pylist(), name
    assert lean_errors.num_rows > 0
    assert lean_errors.to_pylist() == full_errors.to_pylist()
    assert (object_["parser_version"], lean_object["parser_version"]) == (PARSER_VERSION, LEAN_VERSION)
    same = {"lines", "rows", "rejected", "content_hash"} & object_.keys()
    assert {name: object_[name] for name in same} == {name: lean_object[name] for name in same}


def test_nothing_that_answers_reads_what_a_lean_store_lacks() -> None:
    name = re.compile(rf"\b(?:{'|'.join(UNREAD)})\b")
    assert len(READERS) > 50
    assert [str(path) for path in READERS if name.search(path.read_text(encoding="utf-8"))] == []


def test_verdicts_of_lean_rows_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = tiny_world.make("scale_in_vs_drain_mixed", 5, tmp_path / "world")
    full, _ = tiny_world.verdicts(world)
    monkeypatch.setenv("FORENSICS_COLUMNS", "lean")
    lean, _ = tiny_world.verdicts(world)
    assert full.height > 0
    assert lean.equals(full)


def test_pull_is_told_which_columns_and_the_store_passes_its_check(logs: Path, tmp_path: Path) -> None:
    """A store may hold both: what was read before stays whole."""
    store = ["--store", str(tmp_path / "store")]
    run = CliRunner().invoke(app, ["pull", "--logs", str(logs), "--columns", "lean", "-q", *store])
    assert run.exit_code == 0, run.output
    for seed in range(4, 9):
        text = "".join(f"{line}\n" for line in object_lines(seed, 300))
        (logs / f"{seed}.log.gz").write_bytes(gzip.compress(text.encode()))
        run = CliRunner().invoke(app, ["pull", "--logs", str(logs), "-q", *store])
        assert run.exit_code == 0, run.output
    with Lake.open(tmp_path / "store") as lake:
        compact(lake)
        table = rows(lake.request_files(Window()))
        assert table.num_rows - table.column("conn_trace_id").null_count == 5 * 300
    run = CliRunner().invoke(app, ["lake", "check", *store])
    assert run.exit_code == 0, run.output
