"""What an ingest must not pay for: the clients and dictionaries of others."""

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
from tests.support.alb_lines import Line, gateway_error, object_lines


def _loaded(module: str, asked: tuple[str, ...]) -> set[str]:
    """Which of the packages a fresh interpreter loads with a module."""
    program = f"import sys, {module}; print(*(name for name in {asked} if name in sys.modules))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(told.stdout.split())


def test_reading_a_folder_does_not_load_the_client_for_s3_nor_the_settings() -> None:
    unwanted = ("boto3", "botocore", "pydantic", "importlib.metadata")
    assert _loaded("pipeline.ingest.pull", (*unwanted, "pyarrow")) == {"pyarrow"}


def test_the_command_line_loads_what_draws_only_for_those_who_need_it() -> None:
    assert _loaded("pipeline.cli", ("plotly", "typer")) == {"typer"}


def test_reading_logs_into_a_store_does_not_load_what_attributes() -> None:
    assert _loaded("pipeline.usecases.pull", ("scipy", "duckdb", "pyarrow")) == {"pyarrow"}


def test_memory_that_is_kept_can_be_given_back() -> None:
    program = """
from pathlib import Path
from pipeline.ingest import allocator

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

allocator.keep_freed_memory()
before = resident_mb()
held = [b"." * 800_000 for _ in range(50)]
del held
kept = resident_mb()
allocator.give_back()
print(kept - before, resident_mb() - before)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    kept, left = map(int, told.stdout.split())
    assert kept > 30, (kept, left)
    assert left < 10, (kept, left)


@pytest.mark.parametrize("pool", ["jemalloc", "mimalloc", "system"])
def test_any_memory_pool_of_arrow_is_taken(pool: str) -> None:
    program = (
        "import pipeline, pyarrow; from pipeline.ingest import allocator; allocator.keep_arrows_memory(); "
        "print(pyarrow.default_memory_pool().backend_name)"
    )
    environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": pool}
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert told.stdout.strip() == pool


def test_a_file_of_errors_carries_only_the_values_of_its_rows(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    lines = [*object_lines(1, 500, errors=0.0), gateway_error(Line()).render()]
    (logs / "a.log.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    with Lake.open(tmp_path / "store") as lake:
        pull(str(logs), lake, Window())
        (file,) = lake.error_files(Window())
    column: Any = pq.read_table(file, partitioning=None).column("conn_trace_id").chunk(0)
    assert column.dictionary.to_pylist() == [Line().conn_trace_id]
