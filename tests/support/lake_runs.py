"""Runs of the command against a store: killed at any instant, and what the store holds afterwards.

As a program it is a server that forks: it imports the command once, and every run is a child that goes
through the command's own entry point. So 200 killed runs do not import everything 200 times.
"""

import gzip
import importlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.ingest.lake import Lake
from pipeline.model import CONNECTIONS, HEALTH_CHECKS, REJECTED_LINES, REQUESTS, Window
from tests.support.alb_lines import START, object_key, object_lines, object_name
from tests.support.other_logs import CheckLine, ConnectionLine, checks, packed

ROOT = Path(__file__).resolve().parents[2]
_SPREAD = timedelta(minutes=4)


@dataclass(frozen=True)
class Order:
    """One run: the command's words, and how it is to die.

    Attributes:
        words: as after ``forensics``.
        kill_after_s: SIGKILL comes after this time; None: never.
        die_at: the run kills itself at this step (fsync, rename, replace, unlink, mkdir, SQL statement);
            0: never.
        counts_statements: whether every SQL statement is a step to die at, or only commits.
        batch_rows: rows of a batch; 0 leaves it as it is. Few make many commits.
        keeps_retired: do retired files stay for an hour, or go with the next writer?
        file_bytes: no file may grow beyond this; 0: no limit.
    """

    words: list[str]
    kill_after_s: float | None = None
    die_at: int = 0
    counts_statements: bool = True
    batch_rows: int = 0
    keeps_retired: bool = True
    file_bytes: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a run ended: exit code (-9: killed), seconds, standard error."""

    code: int
    seconds: float
    stderr: str


class Runner:
    """Starts runs; use it as a context manager."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.lake_runs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "FORENSICS_DEBUG": "1"},
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate()

    def run(self, order: Order) -> Outcome:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asdict(order)) + "\n")
        self._server.stdin.flush()
        return Outcome(**json.loads(self._server.stdout.readline()))

    def finish(self, order: Order) -> float:
        """Run to the end, which must be a good one (6: some object was damaged); returns the seconds."""
        outcome = self.run(order)
        assert outcome.code in {0, 6}, outcome
        return outcome.seconds


class Feed:
    """A folder of logs in three states, each with new, changed, touched, copied and odd objects.

    The same seed always writes the same bytes with the same times of change.
    """

    ROUNDS = 3

    def __init__(self, folder: Path, *, objects: int = 60, flood: int = 20_000, seed: int = 7) -> None:
        """Write nothing yet; ``flood`` rejected lines in each of three objects force commits early."""
        self.folder = folder
        self._objects = objects
        self._flood = flood
        self._seed = seed

    def show(self, state: int) -> None:
        """Bring the folder into a state, whatever it held."""
        for path in [*self.folder.rglob("*")]:
            if path.is_file():
                path.unlink()
        for number in range(self._objects):
            self._object(number, state)
        for number in range(3):
            self._write(
                f"flood-{number}.log.gz", b"flood %d\n" % number * self._flood, state if number else 0
            )
        self._write("empty.log.gz", b"", 0)
        self._write("readme.txt", b"no log", 0)

    def _object(self, number: int, state: int) -> None:
        if number % 6 == 5 and state < number // 6 % self.ROUNDS:
            return  # comes later
        end = START + _SPREAD * (number // 2 + 1)
        version = state if number % 7 == 3 else 0  # re-delivered with other lines
        rng = random.Random(self._seed * 1000 + number * 10 + version)  # noqa: S311 - made-up traffic
        lines = [*object_lines(number, rng.randrange(20, 60), start=end - _SPREAD, errors=0.1)]
        if number % 5 == 1:
            lines[rng.randrange(len(lines))] = f"no entry {version}"
        key = object_key(number, end)
        content = gzip.compress("\n".join(lines).encode(), 1, mtime=0)
        if number % 11 == 4:
            content = content[:-50]
        self._write(key, content, state if number % 4 == 0 else version)
        if number % 9 == 2:
            self._write(f"copies/{key}", content, 0)
        self._other_kinds(number, end, version)

    def _other_kinds(self, number: int, end: datetime, version: int) -> None:
        """Health checks beside every third object, connections beside every fifth, some re-delivered."""
        if number % 3 == 0:
            outcomes = "ppttprpp" + "t" * version
            lines = [one.render() for one in checks(end - _SPREAD, outcomes, every_s=20)]
            extra = [CheckLine(time=end - _SPREAD, extra=("new",)).render()] if number % 2 else ["no check"]
            self._write(f"health_check_log_{object_name(number, end)}", packed([*lines, *extra]), version)
        if number % 5 == 0:
            lines = [ConnectionLine(time=end - _SPREAD, fields=fields).render() for fields in (12, 15)]
            self._write(f"conn_log_{object_name(number, end)}", packed(lines), version)

    def _write(self, name: str, content: bytes, changed: int) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_770_000_000 + changed,) * 2)


def contents(store: Path) -> dict[str, pa.Table]:
    """All that a lake holds, in a fixed order, without times of ingestion (and what hangs on them)."""
    with Lake.open(store) as lake:
        ledger = lake.ledger.ask("select locator, object_key, content_hash from objects order by locator")
        return {
            "requests": _rows(lake.request_files(Window()), REQUESTS.schema),
            "errors": _rows(lake.error_files(Window()), REQUESTS.schema),
            "connections": _rows(lake.connection_files(Window()), CONNECTIONS.schema),
            "health_checks": _rows(lake.health_check_files(Window()), HEALTH_CHECKS.schema),
            "field_layouts": _sorted(lake.field_layouts().select(["kind", "fields", "objects", "rows"])),
            "rejected_lines": _rows(lake.rejected_files(), REJECTED_LINES.schema),
            "objects": lake.objects().drop_columns("ingested_at"),
            "ledger": pa.table({"rows": [json.dumps(row) for row in ledger]}),
        }


def _rows(files: list[str], schema: pa.Schema) -> pa.Table:
    plain = pa.schema(
        [(one.name, pa.string() if pa.types.is_dictionary(one.type) else one.type) for one in schema]
    )
    tables = [pq.read_table(file, partitioning=None).cast(schema).cast(plain) for file in files]
    table = pa.concat_tables([plain.empty_table(), *tables])
    order = pc.sort_indices(table, [("object_key", "ascending"), ("line_number", "ascending")])
    return table.take(order).combine_chunks()


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in table.column_names])


def differences(found: dict[str, pa.Table], wanted: dict[str, pa.Table]) -> list[str]:
    """Names of tables that differ by a byte, written as sorted Parquet, with their numbers of rows."""
    return [
        f"{name}: {found[name].num_rows} rows, {table.num_rows} wanted"
        for name, table in wanted.items()
        if _bytes(found[name]) != _bytes(table)
    ]


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="none")
    return sink.getvalue().to_pybytes()


def _serve() -> None:
    """Answer orders on standard input until it ends."""
    from pipeline import cli
    from pipeline.cli import lake as lake_cli

    for name in (
        *("cli.nightly_output", "cli.progress", "report.charts", "report.page", "report.summary"),
        *("usecases.incident", "usecases.lake", "usecases.nightly", "usecases.pull"),
    ):
        importlib.import_module(
            f"pipeline.{name}"
        )  # else each child would load it anew, and be killed doing so

    for line in sys.stdin:
        order = Order(**json.loads(line))
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, _memory_file() as errors:
            started = time.perf_counter()
            child = os.fork()
            if not child:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(errors.fileno(), 2)
                _child(order, cli.main, lake_cli.app)
            killer = threading.Timer(order.kill_after_s or 0, _kill, (child,))
            if order.kill_after_s is not None:
                killer.start()
            _, status = os.waitpid(child, 0)
            killer.cancel()
            seconds = time.perf_counter() - started
            errors.seek(0)
            answer = Outcome(os.waitstatus_to_exitcode(status), seconds, errors.read())
            if order.kill_after_s is not None:
                killer.join()
        sys.stdout.write(json.dumps(asdict(answer)) + "\n")
        sys.stdout.flush()


def _memory_file() -> Any:  # noqa: ANN401 - a text file
    return os.fdopen(os.memfd_create("stderr"), "w+", encoding="utf-8")


def _kill(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def _child(order: Order, main: Callable[[], None], lake_app: Callable[[], None]) -> NoReturn:
    from pipeline.errors import ForensicsError
    from pipeline.ingest import batch
    from pipeline.ingest import lake as lake_module

    code: object = 0
    if order.batch_rows:
        batch.ROWS = order.batch_rows
    if not order.keeps_retired:
        lake_module._GRACE_US = 0
    if order.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.file_bytes,) * 2)
    if order.die_at:
        _die_at(order.die_at, counts_statements=order.counts_statements)
    is_lake = order.words[0] == "lake"
    sys.argv = ["forensics", *(order.words[1:] if is_lake else order.words)]
    try:
        (lake_app if is_lake else main)()
    except SystemExit as end:
        code = end.code
    except ForensicsError as problem:
        sys.stderr.write(f"forensics: {problem}\n")
        code = problem.exit_code
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


def _die_at(step: int, *, counts_statements: bool) -> None:
    """Kill this process at its n-th step that touches the disk for good."""
    steps = iter(range(1, step))
    guard = threading.Lock()

    def passes() -> None:
        with guard:
            if next(steps, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def stand_in(*values: object, **named: object) -> object:
            passes()
            return call(*values, **named)

        return stand_in

    for name in ("fsync", "rename", "replace", "unlink", "mkdir", "truncate"):
        setattr(os, name, counted(getattr(os, name)))

    class Connection(sqlite3.Connection):
        def execute(self, *values: Any) -> sqlite3.Cursor:  # noqa: ANN401 - passed on
            if counts_statements or values[0] == "commit":
                passes()
            return super().execute(*values)

        def executemany(self, *values: Any) -> sqlite3.Cursor:  # noqa: ANN401 - passed on
            if counts_statements:
                passes()
            return super().executemany(*values)

    setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Connection))  # noqa: B010 - typed otherwise


if __name__ == "__main__":
    _serve()
