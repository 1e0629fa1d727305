"""The bundled incident on Spark: on this machine, and on a cluster that loses a worker in mid-job."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline import queries
from tests.support.spark_cluster import Cluster, cluster

pytestmark = pytest.mark.spark

DEMO = queries.demo_folder()
CLOSE = 1e-9
TABLES_BEFORE_THE_LOSS = 20
"""Of some seventy: the requests are summarised, the errors are not yet classed."""
PATIENCE_S = 1800.0

Verdicts = dict[str, dict[str, Any]]


def command(output: Path, *more: str) -> list[str]:
    return [
        *(
            sys.executable,
            "-m",
            "pipeline",
            "attribute",
            "--quiet",
            "--format",
            "jsonl",
            "--output",
            str(output),
        ),
        *("--logs", str(DEMO / "logs"), "--timeline", str(DEMO / "timeline"), *more),
    ]


def verdicts(output: Path) -> Verdicts:
    rows = map(json.loads, output.read_text(encoding="utf-8").splitlines())
    return {row["request_id"]: row for row in rows}


def attributed(output: Path, *more: str, environment: Mapping[str, str] | None = None) -> Verdicts:
    run = subprocess.run(command(output, *more), env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return verdicts(output)


def assert_same(ours: Verdicts, theirs: Verdicts) -> None:
    assert ours.keys() == theirs.keys()
    for name, row in ours.items():
        numbers = {key: value for key, value in row.items() if isinstance(value, float)}
        assert numbers == pytest.approx({key: theirs[name][key] for key in numbers}, rel=0.0, abs=CLOSE)
        assert row | numbers == theirs[name] | numbers


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    found = attributed(tmp_path_factory.mktemp("duckdb") / "verdicts.jsonl")
    assert len(found) == 190
    return found


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster") / "logs") as running:
        yield running


def test_this_machine_gives_the_same_verdicts(tmp_path: Path, on_duckdb: Verdicts) -> None:
    on_spark = attributed(tmp_path / "verdicts.jsonl", "--engine", "spark", "--master", "local[2]")
    assert_same(on_spark, on_duckdb)


def test_a_cluster_that_loses_a_worker_gives_the_same_verdicts(
    tmp_path: Path, on_duckdb: Verdicts, two_workers: Cluster
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    output = tmp_path / "verdicts.jsonl"
    spark = ("--engine", "spark", "--master", two_workers.url, "--shared", str(shared))
    log = tmp_path / "log"
    with (
        log.open("wb") as to,
        subprocess.Popen(command(output, *spark), env=two_workers.environment, stdout=to, stderr=to) as run,
    ):
        until = time.monotonic() + PATIENCE_S
        while len(list(shared.glob("app-*/*"))) < TABLES_BEFORE_THE_LOSS:
            assert run.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.2)
        two_workers.kill(1)
        assert run.poll() is None, "the job was over before the worker was killed"
        assert run.wait() == 0, log.read_text()
    assert_same(verdicts(output), on_duckdb)
