"""SQL on Apache Spark: the queries of sql/ in Spark's words, over Parquet that every executor reads.

What is kept lies as Parquet below one folder that driver and executors see, so a lost executor costs its
tasks and no table. Only what is asked for by `frame` and `table` comes to the driver.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import NullType

from pipeline import queries
from pipeline.engine import spark_sql
from pipeline.errors import QueryError
from pipeline.model import EVER, Table, Window

_SESSION = {
    "spark.app.name": "forensics",
    "spark.sql.session.timeZone": "UTC",
    # What DuckDB refuses, such as a text that is no number, is an error here as well and no NULL.
    "spark.sql.ansi.enabled": "true",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
}


def session(master: str | None) -> SparkSession:
    """The session that runs, else a new one; executors start this Python unless PYSPARK_PYTHON names another.

    Args:
        master: URL of the cluster; None leaves it to spark-submit, and without that means this machine.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder
    for name, value in _SESSION.items():
        builder = builder.config(name, value)
    is_submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if master is not None or not is_submitted:
        builder = builder.master(master or "local[*]")
    return builder.getOrCreate()


class SparkEngine:
    """One Spark session with the project's tables as views."""

    def __init__(self, master: str | None = None, shared: str | None = None) -> None:
        """Start, or join the session that runs.

        Args:
            master: as for `session`.
            shared: folder or URI (``s3a://…``) that driver and executors see; None: the temporary folder,
                which they see on one machine.
        """
        self._stack = ExitStack()
        is_ours = SparkSession.getActiveSession() is None
        self.session = session(master)
        if is_ours:
            self._stack.callback(self.session.stop)
        if shared is None:
            shared = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="forensics-spark-"))
        self._stack.callback(self._remove)
        self._folder = f"{_uri(shared).rstrip('/')}/{self.session.sparkContext.applicationId}"
        self._is_remote = "://" in shared
        self._numbers = count()

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the tables; stop the session if this engine started it."""
        self._stack.close()

    def attach_parquet(
        self, table: Table, files: Sequence[str], name: str | None = None, within: Window = EVER
    ) -> None:
        """Make rows of ``files`` readable as a view, named as the table or ``name``; no files: no rows."""
        view = name or table.name
        if files:
            wanted = from_arrow_schema(_plain(table.schema))
            rows = self.session.read.schema(wanted).parquet(*map(_uri, files))
            if within.since is not None:
                rows = rows.filter(rows.time >= within.since)
            if within.until is not None:
                rows = rows.filter(rows.time < within.until)
            self._show(rows, view)
        else:
            self.attach(view, table.empty())

    def attach(self, name: str, rows: pl.DataFrame | pa.Table) -> None:
        """Copy a small table in under ``name``."""
        data = rows.to_arrow() if isinstance(rows, pl.DataFrame) else rows
        plain = data.cast(_plain(data.schema))
        # A list column without any chunk is beyond pyspark, so an empty table goes in as its schema.
        filled: pa.Table | list[object] = plain if plain.num_rows else []
        self._store(self.session.createDataFrame(filled, from_arrow_schema(plain.schema)), name)

    def keep(self, name: str, query: str, values: Mapping[str, object] | None = None) -> None:
        """Run a query of sql/ once and keep its result as table ``name``."""
        try:
            self._store(self._asked(queries.read(query), values), name)
        except (PySparkException, KeyError, QueryError) as problem:
            raise QueryError(f"sql/{query}.sql: {problem}") from problem

    def frame(self, query: str, values: Mapping[str, object] | None = None) -> pl.DataFrame:
        """Rows of a query of sql/."""
        try:
            return _fetched(self._asked(queries.read(query), values))
        except (PySparkException, KeyError, QueryError) as problem:
            raise QueryError(f"sql/{query}.sql: {problem}") from problem

    def table(self, name: str) -> pl.DataFrame:
        """All rows of a small table."""
        return _fetched(self.session.table(name))

    def ask(self, statement: str) -> pl.DataFrame:
        """Rows of a user's own statement, written for DuckDB; Spark's errors pass through."""
        return _fetched(self._asked(statement, None))

    @property
    def rows_at(self) -> str | None:
        """URI for the rows of this run, removed with its tables; None: the machines share a folder."""
        return f"{self._folder}/rows" if self._is_remote else None

    def spread(
        self, work: Callable[[Iterable[bytes]], Iterator[bytes]], pieces: Sequence[bytes]
    ) -> Iterator[bytes]:
        """What ``work`` gives for each piece, run on the executors, one task a piece.

        ``work`` is a function of a module that the executors have. A piece whose executor is lost runs again.

        Raises:
            QueryError: it fails again and again.
        """
        schema = pa.schema([("piece", pa.binary())])

        def mapped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                given = (bytes(row["piece"]) for row in batch.to_pylist())
                yield pa.RecordBatch.from_pylist([{"piece": done} for done in work(given)], schema=schema)

        rows = self.session.createDataFrame(pa.table({"piece": list(pieces)}, schema=schema))
        try:
            done = rows.repartition(len(pieces)).mapInArrow(mapped, from_arrow_schema(schema)).toArrow()
        except PySparkException as problem:
            raise QueryError(f"the executors failed: {problem}") from problem
        yield from (bytes(row["piece"]) for row in done.to_pylist())

    def _asked(self, statement: str, values: Mapping[str, object] | None) -> DataFrame:
        translation = spark_sql.translated(statement, lambda name: self.session.table(name).columns)
        offered = values or {}
        wanted = {name: offered[name] for name in spark_sql.parameters(translation)}
        return self.session.sql(translation, args=wanted)

    def _store(self, rows: DataFrame, name: str) -> None:
        """Write rows to a place of their own: a table may be made anew from what it held."""
        place = f"{self._folder}/{name}-{next(self._numbers)}"
        typed = rows.select(
            *(
                rows[field.name].cast("string") if isinstance(field.dataType, NullType) else rows[field.name]
                for field in rows.schema.fields
            )
        )
        typed.write.parquet(place)
        self._show(self.session.read.schema(typed.schema).parquet(place), name)

    def _remove(self) -> None:
        """Take away the engine's tables, through Spark: only it reaches every kind of folder."""
        context = self.session.sparkContext
        jvm = context._jvm  # noqa: SLF001 - pyspark has no other way to files
        if jvm is not None:
            folder = jvm.org.apache.hadoop.fs.Path(self._folder)
            is_recursive = True
            folder.getFileSystem(context._jsc.hadoopConfiguration()).delete(folder, is_recursive)  # noqa: SLF001 - as above

    def _show(self, rows: DataFrame, name: str) -> None:
        rows.createOrReplaceTempView(name)


def _uri(place: str) -> str:
    """A path is one of the machines' own: as it is, Spark would look for it where the cluster keeps files."""
    return place if "://" in place else f"file://{Path(place).absolute()}"


def _fetched(rows: DataFrame) -> pl.DataFrame:
    return pl.DataFrame(rows.toArrow())


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema in types that Spark has."""
    return pa.schema([field.with_type(_plain_type(field.type)).remove_metadata() for field in schema])


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    return kind
