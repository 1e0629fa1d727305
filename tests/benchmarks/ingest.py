"""Ingest against its peers and against inflating alone, on generated objects. Prints, asserts nothing.

    python -m tests.benchmarks.ingest --lines 2000000 --files 100 --repeat 3
    python -m tests.benchmarks.ingest --only pull,duckdb,libdeflate --repeat 5
    python -m tests.benchmarks.ingest --lines 10000000 --files 500 --repeat 1 --only pull

Every run is a process of its own; the alternatives take turns, so that a busy machine slows all of them.
"""

import argparse
import os
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.ingest_peers import PEERS, Peer
from tests.benchmarks.logs import write_objects
from tests.benchmarks.measure import Run, measure

ROOT = Path(__file__).resolve().parents[2]
_PAIRED = ("duckdb", "duckdb-unordered", "polars", "libdeflate")

Runs = dict[str, list[Run]]


def run(peer: Peer, logs: Path, target: Path, lines: int) -> Run:
    """Run an alternative once."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(target.parent)}
    done = measure(peer.command(logs, target, lines), environment, target.parent)
    single = target.with_name(target.name + ".parquet")
    files = [single] if single.is_file() else target.rglob("requests/**/*.parquet")
    return replace(done, written=sum(path.stat().st_size for path in files))


def middle(runs: list[Run]) -> Run:
    """Medians."""
    return Run(*(statistics.median(getattr(one, part) for one in runs) for part in Run.__annotations__))


def table(runs: Runs, lines: int, packed: int) -> None:
    """Print medians, and the ratio of ours to each."""
    print(
        f"{'':18}{'runs':>5}{'wall s':>8}{'cpu s':>8}{'MB':>6}{'k lines/s':>11}{'bytes/line':>12}{'of gz':>7}"
        f"{'pull/this: wall':>17}{'cpu':>7}"
    )
    ours = middle(runs["pull"])
    for name, some in runs.items():
        one = middle(some)
        sizes = (f"{one.written / lines:.1f}", f"{one.written / packed:.2f}") if one.written else ("-", "-")
        print(
            f"{name:18}{len(some):5}{one.wall:8.2f}{one.cpu:8.2f}{one.memory:6.0f}"
            f"{lines / one.wall / 1000:11.0f}{sizes[0]:>12}{sizes[1]:>7}"
            f"{ours.wall / one.wall:17.2f}{ours.cpu / one.cpu:7.2f}"
        )


def pairs(runs: Runs) -> None:
    """Print the ratios of runs that followed each other, sorted."""
    for other in (name for name in _PAIRED if name in runs):
        for part in ("wall", "cpu"):
            both = zip(runs["pull"], runs[other], strict=True)
            ratios = sorted(getattr(one, part) / getattr(two, part) for one, two in both)
            print(f"pull / {other}: {part} by pair " + ", ".join(f"{ratio:.2f}" for ratio in ratios))


def load() -> str:
    """Processes that want to run, over the last minute."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def chosen(wanted: str | None) -> dict[str, Peer]:
    """The alternatives asked for that this machine has; the others are named.

    Raises:
        SystemExit: there is no such alternative.
    """
    names = [*PEERS] if wanted is None else ["pull", *(one for one in wanted.split(",") if one != "pull")]
    if unknown := sorted({*names} - {*PEERS}):
        raise SystemExit(f"--only {','.join(unknown)}: not among {', '.join(PEERS)}")
    for name in names:
        lack = PEERS[name].missing()
        print(f"{name:18}{PEERS[name].does}" + (f" - LEFT OUT: {lack}" if lack else ""))
    return {name: PEERS[name] for name in names if PEERS[name].missing() is None}


def main() -> None:
    """Generate the objects, run the alternatives in turn, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=2_000_000)
    options.add_argument("--files", type=int, default=100)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--only", help=f"some of {','.join(PEERS)}; pull always takes part")
    given = options.parse_args()
    peers = chosen(given.only)
    lines = given.lines // given.files * given.files
    with tempfile.TemporaryDirectory() as temporary:
        logs = Path(temporary, "logs")
        raw, packed = write_objects(logs, lines, given.files)
        print(f"{lines:,} lines, {raw / lines:.0f} raw and {packed / lines:.1f} compressed bytes a line")
        before = load()
        runs: Runs = {name: [] for name in peers}
        for turn in range(given.repeat):
            for name, peer in peers.items():
                if turn == 0 or not peer.is_slow:
                    runs[name].append(run(peer, logs, Path(temporary, f"{name}-{turn}"), lines))
        print(f"load {before} before the runs, {load()} after")
        table(runs, lines, packed)
        pairs(runs)


if __name__ == "__main__":
    main()
