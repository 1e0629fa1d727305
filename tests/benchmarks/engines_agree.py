"""Do DuckDB and Spark agree on generated logs of any size? Prints, and ends with 1 where they do not.

    python -m tests.benchmarks.engines_agree                      1 M lines
    python -m tests.benchmarks.engines_agree --lines 10000000

Both engines pull the same objects, each into a lake of its own, and answer from it. Held against each other
are the counts of the pull, every row of `requests` (a sum of hashes: rows have no order, and some may be
equal), and all rows of every table that the answer rests on or consists of, numbers to 1e-9.
"""

import argparse
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from pipeline.config import Settings
from pipeline.engine.duckdb import Engine
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.ingest.spread import Spreader
from pipeline.model import EVER, OBJECTS, REJECTED_LINES, REQUESTS
from pipeline.usecases.incident import Question, investigate
from tests.benchmarks.engines import timed
from tests.benchmarks.logs import write_object
from tests.support.engines_compared import differences

_LINES_PER_OBJECT = 20_000
_AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
_COUNTS = ("listed", "ingested", "lines", "rows", "rejected", "compressed_bytes", "rows_of")
_LARGE = {REQUESTS.name, "error_rows", OBJECTS.name}
"""Compared in the lakes; `objects` tells when each was read."""
_MASTER = "local[2]"

Tables = dict[str, pl.DataFrame]


def main() -> None:
    """Generate, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--memory", default="4g", help="heap of Spark's process (default 4g)")
    options = parser.parse_args()
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--driver-memory {options.memory} pyspark-shell"
    with tempfile.TemporaryDirectory() as scratch:
        found = compared(options.lines, Path(scratch))
    print("\n".join(found) if found else "no difference")
    sys.exit(bool(found))


def compared(lines: int, scratch: Path) -> list[str]:
    """Pull and answer with both engines; a sentence for each difference."""
    from pipeline.engine.spark import SparkEngine

    objects = lines // _LINES_PER_OBJECT
    logs, shared = scratch / "logs", scratch / "shared"
    for folder in (logs, shared):
        folder.mkdir()
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(write_object, [logs] * objects, range(objects), [_LINES_PER_OBJECT] * objects))
    print(
        f"{lines:,} lines in {objects:,} objects; load {os.getloadavg()[0]:.1f} "
        f"on {os.cpu_count()} processors",
        flush=True,
    )
    here = Settings(store=scratch / "duckdb")
    there = Settings(store=scratch / "spark", engine="spark", master=_MASTER, shared=str(shared))
    walls: dict[str, float] = {}
    with timed("duckdb pull", walls):
        theirs = read(logs, here.store, None)
    with timed("duckdb answer", walls):
        expected = answered(here, None)
    with timed("spark start", walls):
        engine = SparkEngine(_MASTER, str(shared))
    with engine:
        with timed("spark pull", walls):
            ours = read(logs, there.store, engine)
        with timed("spark answer", walls):
            found = answered(there, [*expected])
    print("  ".join(f"{stage} {wall:.0f} s" for stage, wall in walls.items()))
    rows = {name: frame.height for name, frame in expected.items()}
    print(
        f"compared: {ours['rows']:,} requests, {ours['rejected']:,} rejected lines, "
        f"{rows['candidates']:,} candidates, {rows['attributions']:,} attributions, "
        f"and {sum(rows.values()):,} rows of all {len(rows)} tables"
    )
    return [
        *(f"pull: {name}: {ours[name]} and {theirs[name]}" for name in theirs if ours[name] != theirs[name]),
        *(
            f"{name}: {line}"
            for name in sorted(expected)
            for line in differences(found[name], expected[name])
        ),
    ]


def read(logs: Path, store: Path, spreader: Spreader | None) -> dict[str, object]:
    """Pull into a new lake: the counts, and the sum of the hashes of all rows."""
    with Lake.open(store) as lake, Engine("4GB", 2) as engine:
        summary = pull(str(logs), lake, EVER, workers=2, spreader=spreader)
        counts: dict[str, object] = {name: getattr(summary, name) for name in _COUNTS}
        engine.attach_parquet(REQUESTS, lake.request_files(EVER))
        engine.attach_parquet(REJECTED_LINES, lake.rejected_files())
        for table in (REQUESTS.name, REJECTED_LINES.name):
            asked = f"select count(*), sum(hash(entry)::hugeint) from {table} as entry"  # noqa: S608 - own names
            counts[f"hash of {table}"] = engine.ask(asked).row(0)
        return counts


def answered(settings: Settings, names: list[str] | None) -> Tables:
    """Attribute all that the store holds; the tables of these names, None: every table but the largest."""
    with investigate(Question(as_of=_AS_OF), settings) as incident:
        engine = incident.engine
        if names is None:
            every = engine.ask("select table_name from information_schema.tables")["table_name"]
            names = [name for name in every if name not in _LARGE]
        return {name: engine.table(name) for name in names}


if __name__ == "__main__":
    main()
