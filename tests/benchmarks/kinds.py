"""Pulls of the rarer kinds of logs, each in a process of its own. Prints, asserts nothing about speed.

python -m tests.benchmarks.kinds --lines 200000
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))

from pipeline.ingest.kinds import ACCESS
from pipeline.ingest.tokens import tokenise
from tests.support.alb_lines import START, object_lines
from tests.support.other_logs import CheckLine, ConnectionLine, packed, put

_OBJECT = 50_000
T = TypeVar("T")

_PULL = """
import sys
from pathlib import Path
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
with Lake.open(Path(sys.argv[2])) as lake:
    done = pull(sys.argv[1], lake, Window())
    assert done.lines == done.rows == int(sys.argv[3]), done
"""

_EVENTS = """
import sys
from pathlib import Path
from pipeline.config import Settings
from pipeline.usecases.incident import Question, investigate
with investigate(Question(), Settings(store=Path(sys.argv[2]))) as incident:
    assert incident.engine.ask("select count(*) from events").item() > 0
"""
"""Everything that is done for an answer; without requests, that is the checks' runs and events."""


def _checks(lines: int) -> Iterator[str]:
    for number in range(lines):
        failed = number // 2000 % 97 == 13
        line = CheckLine(
            time=START + timedelta(milliseconds=3 * number),
            target=f"10.0.{number % 40}.{number // 40 % 50}:30080",
            status="FAIL" if failed else "PASS",
            status_code="-" if failed else "200",
            reason="TimedOut" if failed else "-",
        )
        yield line.render()


def _connections(lines: int) -> Iterator[str]:
    for number in range(lines):
        at = START + timedelta(milliseconds=3 * number)
        yield ConnectionLine(time=at, client_port=str(number % 60000), trace_id=f"TID_{number:032x}").render()


def _records(lines: int) -> Iterator[dict[str, Any]]:
    for line in object_lines(1, lines, fields=34):
        values = [token.decode() for token in tokenise(line.encode())]
        yield dict(zip(ACCESS.delivered, values, strict=True))


def _parts(made: Iterator[T]) -> Iterator[list[T]]:
    while part := list(islice(made, _OBJECT)):
        yield part


def _write(folder: Path, lines: int) -> None:
    for prefix, made in (("health_check_log_", _checks(lines)), ("conn_log_", _connections(lines))):
        for number, part in enumerate(_parts(made)):
            put(folder / prefix, prefix, part, seed=number)
    (folder / "json").mkdir()
    (folder / "parquet").mkdir()
    for number, entries in enumerate(_parts(_records(lines))):
        text = packed(json.dumps(entry) for entry in entries)
        (folder / "json" / f"{number}.json.gz").write_bytes(text)
        pq.write_table(pa.Table.from_pylist(entries), folder / "parquet" / f"{number}.parquet")


def _run(what: str, code: str, logs: Path, store: Path, lines: int) -> None:
    words = [sys.executable, "-c", code, str(logs), str(store), str(lines)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(what)
    seconds = used.ru_utime + used.ru_stime
    print(
        f"{what:<28} {lines:>9,} lines {seconds:6.1f} s cpu {lines / seconds:>9,.0f} lines/s of it "
        f"{used.ru_maxrss / 1024:6,.0f} MB"
    )


def main() -> None:
    """Write the objects, then pull each kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=200_000)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        # In a process of its own: a child's peak memory is counted from that of its parent.
        writer = multiprocessing.get_context("spawn").Process(target=_write, args=(folder, lines))
        writer.start()
        writer.join()
        for what, name in (
            ("health checks", "health_check_log_"),
            ("connections", "conn_log_"),
            ("access log as JSON", "json"),
            ("access log as Parquet", "parquet"),
        ):
            _run(what, _PULL, folder / name, folder / f"store-{name}", lines)
        _run("events of the health checks", _EVENTS, folder, folder / "store-health_check_log_", lines)


if __name__ == "__main__":
    main()
