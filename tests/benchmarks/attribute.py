"""`forensics attribute` end to end on generated logs: wall, cpu and peak memory. Prints, asserts nothing.

    python -m tests.benchmarks.attribute                          2 M lines in 100 objects
    python -m tests.benchmarks.attribute --lines 10000000 --files 500
    python -m tests.benchmarks.attribute --lines 10000000 --files 500 --keep /var/tmp/ten-million
    python -m tests.benchmarks.attribute --lake --lines 10000000
    python -m tests.benchmarks.attribute --lake --lines 86400000 --keep /var/tmp/day

Runs are processes of their own: from gz, and from a lake that is filled already. With ``--lake`` the lake is
made without logs (tests/benchmarks/big_lake.py) and holds a timeline as well, so that errors meet events; the
time to make it is no part of what is measured.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil

from tests.benchmarks.big_lake import failures, fill
from tests.benchmarks.big_timeline import Span, keep_timeline, target_addresses
from tests.benchmarks.logs import write_object
from tests.support.alb_lines import START

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Generate, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=100, help="objects of the logs")
    parser.add_argument("--keep", type=Path, help="folder for logs or lake; reused when it is there")
    parser.add_argument("--lake", action="store_true", help="a lake with a timeline instead of logs")
    parser.add_argument("--rate", type=int, default=1000, help="lines per second of the lake")
    parser.add_argument("--errors", type=int, default=5000, help="gateway errors of the lake")
    parser.add_argument("--events", type=int, default=120_000, help="events of its timeline")
    parser.add_argument("--targets", type=int, default=60, help="nodes behind its target group")
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        (from_lake if options.lake else from_logs)(options, Path(scratch))


def from_logs(options: argparse.Namespace, scratch: Path) -> None:
    """From gz, and from the lake that they fill."""
    logs = options.keep or scratch / "logs"
    if not logs.exists():
        logs.mkdir(parents=True)
        share = options.lines // options.files
        counts = [share] * options.files
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(write_object, [logs] * options.files, range(options.files), counts))
    store = str(scratch / "lake")
    print(f"{options.lines:,} lines in {options.files} objects")
    run("attribute from gz", "attribute", "--logs", str(logs), "--format", "csv", "-q")
    run("pull", "pull", "--logs", str(logs), "--store", store, "-q")
    run("attribute from the lake", "attribute", "--store", store, "--format", "csv", "-q")


def from_lake(options: argparse.Namespace, scratch: Path) -> None:
    """From a lake with a timeline, made for it."""
    store = options.keep or scratch / "lake"
    if not store.exists():
        started = time.perf_counter()
        span = Span(START, options.lines / options.rate)
        exits = keep_timeline(store, span, options.events, options.targets)
        errors = failures(options.errors, span.length_s, exits)
        made = fill(store, options.lines, options.rate, target_addresses(options.targets), errors)
        print(
            f"{options.lines:,} lines at {options.rate:,}/s on {options.targets} nodes, {made:,} errors, "
            f"{options.events:,} events; made in {time.perf_counter() - started:.0f} s"
        )
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for _ in range(options.repeat):
        run("attribute from the lake", "attribute", "--store", str(store), "--format", "csv", "-q")


def run(name: str, *words: str) -> None:
    """Run one command and print what it took, its children included."""
    started = time.perf_counter()
    process = psutil.Popen([sys.executable, "-m", "pipeline", *words], cwd=ROOT, stdout=subprocess.PIPE)
    peak, cpu = [0], [0.0]

    def watch() -> None:
        while process.is_running():
            try:
                peak[0] = max(peak[0], process.memory_info().rss)
                times = process.cpu_times()
                cpu[0] = times.user + times.system
            except psutil.Error:
                return
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    watcher.join()
    wall = time.perf_counter() - started
    print(
        f"{name:26s} exit {process.returncode}  wall {wall:6.1f} s  cpu {cpu[0]:6.1f} s  "
        f"peak {peak[0] / 1e6:6.0f} MB  {len(output.splitlines()):,} lines out",
        flush=True,
    )


if __name__ == "__main__":
    main()
