"""Who asks for the version or for help waits for none of the libraries that compute."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import lake
from pipeline.ingest.compaction import MIN_FILES

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"polars", "duckdb", "pyarrow", "numpy", "scipy", "plotly", "boto3", "botocore", "kubernetes"}


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["attribute", "--help"], ["lake", "--help"]])
def test_help_and_version_load_no_library_that_computes(words: list[str]) -> None:
    code = f"""
import sys
from pipeline.cli import main

sys.argv = ["forensics", *{words!r}]
try:
    main()
finally:
    print("loaded:", *sorted(name for name in sys.modules if "." not in name))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    *said, loaded = run.stdout.splitlines()
    assert said
    assert not HEAVY & set(loaded.split())


def test_the_smallest_number_of_files_to_compact_is_that_of_the_lake() -> None:
    assert inspect.signature(lake.compact).parameters["min_files"].default == MIN_FILES
