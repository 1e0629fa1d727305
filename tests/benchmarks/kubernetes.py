"""Time and memory of recording and reading a large cluster: `forensics watch`, `fetch`, and the parser.

Run as a script; it prints and asserts nothing. The server is the fake one of the tests, in this process.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.kubernetes_objects import pod
from tests.support.kubernetes_server import FakeCluster, kubernetes_server

ROOT = Path(__file__).resolve().parents[2]
WATCH = "import sys; sys.argv[0] = 'forensics'; from pipeline.cli import main; main()"
FETCH = """
import sys
from pathlib import Path
from pipeline.timeline.kubernetes_api import Cluster
from pipeline.timeline.kubernetes_fetch import fetch
fetch(Cluster("here"), Path(sys.argv[1]))
"""
READ = """
import sys
from pathlib import Path
from pipeline.timeline.folder import read_timeline
timeline = read_timeline(Path(sys.argv[1]))
assert not timeline.problems, timeline.problems
print(f"  {timeline.events.height:,} events, {timeline.settings.height:,} settings")
"""
MEASURED = """
import sys, time
start = time.perf_counter()
code, sys.argv = sys.argv[1], sys.argv[1:]
try:
    exec(code)
finally:
    # Not ru_maxrss: that starts at the size of the process that started this one.
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    took = time.perf_counter() - start
    print(f"  {took:.0f} s, CPU {time.process_time():.1f} s, peak {peak / 1024:.0f} MiB")
"""


def run(name: str, code: str, *words: str, config: Path) -> None:
    """Run a piece of code in a process of its own and print what it took."""
    print(name, flush=True)
    subprocess.run(
        [sys.executable, "-c", MEASURED, code, *words],
        check=True,
        cwd=ROOT,
        env={**os.environ, "KUBECONFIG": str(config)},
    )


def size(folder: Path) -> str:
    """Bytes of the files in a folder."""
    return f"  {sum(path.stat().st_size for path in folder.iterdir()) / 1e6:,.0f} MB on disk"


def main() -> None:
    """Print the measurements."""
    options = argparse.ArgumentParser()
    options.add_argument("--pods", type=int, default=50_000)
    pods = options.parse_args().pods
    cluster = FakeCluster()
    start = time.perf_counter()
    for number in range(pods):
        cluster.put("pods", pod(f"web-{number}"))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{pods:,} pods made in {time.perf_counter() - start:.1f} s (this process: {own:.0f} MiB)")
    with kubernetes_server(cluster), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = cluster.kubeconfig(folder)
        watched, fetched = folder / "watched", folder / "fetched"
        words = ("watch", "--output", str(watched), "--context", "here", "--for", "2m")
        run("forensics watch --for 2m", WATCH, *words, config=config)
        print(size(watched))
        run("fetch", FETCH, str(fetched), config=config)
        print(size(fetched))
        run("read what watch wrote", READ, str(watched), config=config)
        run("read what fetch wrote", READ, str(fetched), config=config)


if __name__ == "__main__":
    main()
