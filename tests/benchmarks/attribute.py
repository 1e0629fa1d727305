"""`forensics attribute` end to end on generated logs: wall, cpu and peak memory. Prints, asserts nothing.

    python -m tests.benchmarks.attribute                          2 M lines in 100 objects
    python -m tests.benchmarks.attribute --lines 10000000 --files 500
    python -m tests.benchmarks.attribute --lines 10000000 --files 500 --keep /var/tmp/ten-million

Runs are processes of their own: from gz, and from a lake that is filled already.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil

from tests.benchmarks.logs import write_object

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Generate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="folder for the logs; reused when it is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        logs = options.keep or Path(scratch) / "logs"
        if not logs.exists():
            logs.mkdir(parents=True)
            share = options.lines // options.files
            counts = [share] * options.files
            with ProcessPoolExecutor(2) as pool:
                list(pool.map(write_object, [logs] * options.files, range(options.files), counts))
        store = str(Path(scratch) / "lake")
        print(f"{options.lines:,} lines in {options.files} objects")
        run("attribute from gz", "attribute", "--logs", str(logs), "--format", "csv", "-q")
        run("pull", "pull", "--logs", str(logs), "--store", store, "-q")
        run("attribute from the lake", "attribute", "--store", store, "--format", "csv", "-q")


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
