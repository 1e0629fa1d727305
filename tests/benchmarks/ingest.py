"""Ingest against DuckDB's CSV reader and inflating alone, on generated objects. Prints, asserts nothing.

    python -m tests.benchmarks.ingest --lines 2000000 --files 100 --repeat 3
    python -m tests.benchmarks.ingest --lines 10000000 --files 500 --repeat 1 --only pull

Every run is a process of its own; the alternatives take turns, so that a busy machine slows all of them.
"""

import argparse
import gzip
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.alb_lines import START, object_key, object_lines

_NODES = 4

_PULL = """
import sys
from pathlib import Path
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
with Lake.open(Path(sys.argv[2])) as lake:
    done = pull(sys.argv[1], lake, Window())
    assert done.lines == done.rows + done.rejected == int(sys.argv[3]), done
"""

_DUCKDB = """
import sys
import duckdb
kinds = dict(time="TIMESTAMPTZ", request_processing_time="DOUBLE", target_processing_time="DOUBLE",
             response_processing_time="DOUBLE", elb_status_code="SMALLINT", target_status_code="SMALLINT",
             received_bytes="BIGINT", sent_bytes="BIGINT", request_creation_time="TIMESTAMPTZ")
from pipeline.ingest.layout import FIELDS
columns = {name: kinds.get(name, "VARCHAR") for name in FIELDS[:33]}
connection = duckdb.connect(config={"threads": 2, "preserve_insertion_order": %s})
connection.execute("set enable_progress_bar = false")
connection.execute(
    f"create view logs as select * from read_csv('{sys.argv[1]}/**/*.log.gz', delim=' ', quote='\\"',"
    f" escape='\\"', header=false, nullstr='-', columns={columns}, auto_detect=false)"
)
connection.execute(f"copy logs to '{sys.argv[2]}.parquet' (format parquet, compression zstd)")
assert connection.execute(f"select count(*) from '{sys.argv[2]}.parquet'").fetchone() == (int(sys.argv[3]),)
"""

_INFLATE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from pipeline.ingest.inflate import pieces
def size(path):
    with path.open("rb") as stream:
        return sum(map(len, pieces(stream)))
with ThreadPoolExecutor(2) as pool:
    sum(pool.map(size, sorted(Path(sys.argv[1]).rglob("*.gz"))))
"""

_ALTERNATIVES = {
    "pull": _PULL,
    "duckdb": _DUCKDB % "True",
    "duckdb unordered": _DUCKDB % "False",
    "inflate only": _INFLATE,
}


@dataclass(frozen=True)
class Run:
    """One run: seconds of wall and of processor, largest memory in MB, bytes written."""

    wall: float
    cpu: float
    memory: float
    written: int


def write_object(folder: Path, seed: int, lines: int) -> tuple[int, int]:
    """Write one object; returns its raw and its compressed size."""
    end = START + timedelta(minutes=5 * (seed // _NODES + 1))
    raw = "".join(
        f"{line}\n" for line in object_lines(seed, lines, start=end - timedelta(minutes=5))
    ).encode()
    packed = gzip.compress(raw, 6)
    path = folder / object_key(seed, end)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed)
    return len(raw), len(packed)


def measure(script: str, logs: Path, target: Path, lines: int) -> Run:
    """Run a script on the logs in a process of its own."""
    started = time.perf_counter()
    process = psutil.Popen([sys.executable, "-c", script, str(logs), str(target), str(lines)])
    memory, cpu = 0.0, 0.0
    while process.poll() is None:
        try:
            tree = [process, *process.children(recursive=True)]
            memory = max(memory, sum(one.memory_info().rss for one in tree) / 1e6)
            times = process.cpu_times()
            cpu = max(cpu, times.user + times.system)
        except psutil.Error:
            break
        time.sleep(0.01)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, script)
    wall = time.perf_counter() - started
    single = target.with_name(target.name + ".parquet")
    files = [single] if single.is_file() else target.rglob("requests/**/*.parquet")
    return Run(wall, cpu, memory, sum(path.stat().st_size for path in files))


def report(runs: dict[str, list[Run]], lines: int, raw: int, packed: int) -> None:
    """Print medians and ratios."""
    middle = {
        name: Run(*(statistics.median(getattr(run, part) for run in some) for part in Run.__annotations__))
        for name, some in runs.items()
    }
    print(f"{lines:,} lines, {raw / lines:.0f} raw and {packed / lines:.0f} compressed bytes a line")
    print(
        f"{'':18}{'wall s':>8}{'cpu s':>8}{'MB':>7}{'k lines/s':>11}{'bytes/line':>12}"
        f"{'pull/this: wall':>17}{'cpu':>7}"
    )
    ours = middle["pull"]
    for name, run in middle.items():
        print(
            f"{name:18}{run.wall:8.2f}{run.cpu:8.2f}{run.memory:7.0f}{lines / run.wall / 1000:11.0f}"
            f"{run.written / lines:12.1f}{ours.wall / run.wall:17.2f}{ours.cpu / run.cpu:7.2f}"
        )
    for other in (name for name in runs if name.startswith("duckdb")):
        for part in ("wall", "cpu"):
            pairs = zip(runs["pull"], runs[other], strict=True)
            ratios = sorted(getattr(one, part) / getattr(two, part) for one, two in pairs)
            print(f"pull / {other}: {part} by pair " + ", ".join(f"{ratio:.2f}" for ratio in ratios))


def main() -> None:
    """Generate the objects, run the alternatives in turn, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=2_000_000)
    options.add_argument("--files", type=int, default=100)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--only", choices=["pull"], help="leave the alternatives out")
    given = options.parse_args()
    each = given.lines // given.files
    with tempfile.TemporaryDirectory() as temporary:
        logs = Path(temporary, "logs")
        with ProcessPoolExecutor() as pool:
            seeds = range(given.files)
            sizes = list(pool.map(write_object, [logs] * given.files, seeds, [each] * given.files))
        scripts = {name: script for name, script in _ALTERNATIVES.items() if given.only in {None, name}}
        runs: dict[str, list[Run]] = {name: [] for name in scripts}
        for turn in range(given.repeat):
            for name, script in scripts.items():
                target = Path(temporary, f"{name} {turn}")
                runs[name].append(measure(script, logs, target, each * given.files))
        raw, packed = (sum(column) for column in zip(*sizes, strict=True))
        report(runs, each * given.files, raw, packed)


if __name__ == "__main__":
    main()
