"""DuckDB and Spark on the same logs: what a line costs, and what starting costs. Prints, asserts nothing.

    python -m tests.benchmarks.engines                     0.5 and 2 M lines
    python -m tests.benchmarks.engines --lines 2000000 10000000

Spark is a standalone cluster on loopback (tests/support/spark_cluster.py) of one worker, then of two, a core
each. Every run is a process of its own; processor time is that of its whole tree and of the workers. Stages:
`pull` of gzip objects into an empty lake, and `traffic`, the queries that read every request; twice.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from pipeline.config import Settings
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
from pipeline.usecases import engines
from pipeline.usecases.incident import Question, attach_logs
from tests.benchmarks.logs import write_object
from tests.support.spark_cluster import Cluster, cluster

_LINES_PER_OBJECT = 20_000
_QUERIES = ("pair_minutes", "path_samples", "target_minutes")
"""Those of sql/intermediate that read every request whatever went wrong; the last reads the first."""


def main() -> None:
    """Generate, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, nargs="+", default=[500_000, 2_000_000])
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS, metavar=("LOGS", "STORE"))
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(*map(Path, options.measure))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for lines in options.lines:
            compare(lines, Path(scratch) / str(lines))


def compare(lines: int, scratch: Path) -> None:
    """All engines on so many lines."""
    logs = scratch / "logs"
    logs.mkdir(parents=True)
    objects = lines // _LINES_PER_OBJECT
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(write_object, [logs] * objects, range(objects), [_LINES_PER_OBJECT] * objects))
    print(
        f"{lines:,} lines in {objects} objects; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )
    run("duckdb, 1 thread", logs, scratch / "one", {"FORENSICS_THREADS": "1"}, None)
    run("duckdb, 2 threads", logs, scratch / "two", {"FORENSICS_THREADS": "2"}, None)
    for workers in (1, 2):
        run_on_spark(logs, scratch, workers)


def run_on_spark(logs: Path, scratch: Path, workers: int) -> None:
    """Measure on a new cluster of so many workers, and print."""
    shared = scratch / f"shared{workers}"
    shared.mkdir()
    with cluster(scratch / f"cluster{workers}", workers) as running:
        spark = {
            **running.environment,
            "FORENSICS_ENGINE": "spark",
            "FORENSICS_MASTER": running.url,
            "FORENSICS_SHARED": str(shared),
        }
        name = f"spark, {workers} executor{'s' * (workers > 1)}"
        run(name, logs, scratch / f"s{workers}", spark, running)


def run(name: str, logs: Path, store: Path, environment: dict[str, str], on: Cluster | None) -> None:
    """Measure in a new process, and print."""
    before = _cpu_of(on) + _cpu_of_children()
    words = [sys.executable, "-m", "tests.benchmarks.engines", "--measure", str(logs), str(store)]
    done = subprocess.run(words, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True)
    cpu = _cpu_of(on) + _cpu_of_children() - before
    walls = "  ".join(f"{stage} {wall:6.1f} s" for stage, wall in json.loads(done.stdout).items())
    print(f"{name:20s} wall: {walls}  cpu of all {cpu:6.1f} s", flush=True)


def measured(logs: Path, store: Path) -> dict[str, float]:
    """Wall seconds of the stages, in this process."""
    settings = Settings()
    walls: dict[str, float] = {}
    with timed("start", walls):
        opened = engines.opened(settings)
    with opened as engine, Lake.open(store) as lake:
        with timed("pull", walls):
            spreader = engines.spreader(engine)
            pull(str(logs), lake, Window(), workers=settings.threads, spreader=spreader)
        for stage in ("traffic", "again"):
            with timed(stage, walls):
                attach_logs(engine, lake, Question())
                for name in _QUERIES:
                    engine.keep(name, f"intermediate/{name}", {"since": None, "until": None})
    return walls


@contextmanager
def timed(stage: str, walls: dict[str, float]) -> Iterator[None]:
    """Put the seconds spent inside into ``walls``."""
    started = time.perf_counter()
    yield
    walls[stage] = time.perf_counter() - started


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_of(on: Cluster | None) -> float:
    """Of the workers and all that they have started and ended."""
    if on is None:
        return 0.0
    parents = [psutil.Process(worker.pid) for worker in on.workers]
    everyone = [one for parent in parents for one in (parent, *parent.children(recursive=True))]
    return sum(sum(one.cpu_times()[:4]) for one in everyone)


if __name__ == "__main__":
    main()
