"""One hot load balancer against an even spread of as many lines, on both engines. Prints, asserts nothing.

    python -m tests.benchmarks.skew                     1 M lines
    python -m tests.benchmarks.skew --lines 4000000

Even: twenty load balancers, each with a target group of eight targets, all at the same rate. Hot: of a
hundred lines 95 are of one load balancer node, one target and one minute; the rest is spread as before.
Stages and clusters are those of tests/benchmarks/engines.py.
"""

import argparse
import gzip
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

from tests.benchmarks.engines import run, run_on_spark
from tests.support.alb_lines import ELB, GROUP, START, TARGETS, object_key, object_lines

_LINES_PER_OBJECT = 20_000
_BALANCERS = 20
_HOT_SHARE = 0.95
_OF_ONE_NODE = 250
"""Objects with seeds so far apart are of the same load balancer node (tests/support/alb_lines.py)."""


def main() -> None:
    """Generate, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=1_000_000)
    options = parser.parse_args()
    objects = options.lines // _LINES_PER_OBJECT
    with tempfile.TemporaryDirectory() as scratch:
        for name, hot in (("even", 0), ("hot", round(objects * _HOT_SHARE))):
            folder = Path(scratch) / name
            logs = folder / "logs"
            with ProcessPoolExecutor(2) as pool:
                list(pool.map(write, [logs] * objects, range(objects), [n < hot for n in range(objects)]))
            print(
                f"{name}: {options.lines:,} lines in {objects} objects; load {os.getloadavg()[0]:.1f} "
                f"on {os.cpu_count()} processors",
                flush=True,
            )
            run("duckdb, 2 threads", logs, folder / "duckdb", {"FORENSICS_THREADS": "2"}, None)
            run_on_spark(logs, folder, workers=2)


def write(folder: Path, number: int, is_hot: bool) -> None:  # noqa: FBT001 - mapped over
    """Write one object: of the hot minute, or of five minutes of one of the load balancers."""
    balancer = 0 if is_hot else number % _BALANCERS
    begin = START if is_hot else START + timedelta(minutes=5 * (number // _BALANCERS))
    seed = _OF_ONE_NODE * number if is_hot else number
    seconds, targets = (60, TARGETS[:1]) if is_hot else (300, TARGETS)
    lines = object_lines(seed, _LINES_PER_OBJECT, start=begin, seconds=seconds, targets=targets)
    named = (_named(line, f"{balancer:02}") for line in lines)
    path = folder / object_key(seed, begin + timedelta(minutes=5))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(named).encode(), 6))


def _named(line: str, balancer: str) -> str:
    """The line, of this load balancer and its target group."""
    for name in (ELB, GROUP):
        line = line.replace(name, f"{name}{balancer}")
    return f"{line}\n"


if __name__ == "__main__":
    main()
