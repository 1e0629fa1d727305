"""SQL on DuckDB, always in memory, over Parquet files and small tables.

All timestamps are UTC. Values are bound, never formatted into SQL; of the values offered, each
statement takes the ones that it names.
"""

from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import duckdb
import polars as pl
import pyarrow as pa

from pipeline import queries
from pipeline.errors import QueryError
from pipeline.model import EVER, Table, Window


class Engine:
    """One DuckDB connection with the project's tables and views."""

    def __init__(self, memory_limit: str = "1GB", threads: int = 2) -> None:
        """Connect.

        Args:
            memory_limit: DuckDB's own limit, e.g. ``1GB``; it spills to a temporary folder beyond.
            threads: worker threads.
        """
        # DuckDB's own choice is .tmp in the current folder, which may be anybody's.
        self._spill = TemporaryDirectory(prefix="forensics-sql-")
        self._connection = duckdb.connect(
            config={
                "memory_limit": memory_limit,
                "threads": threads,
                "preserve_insertion_order": False,
                "temp_directory": self._spill.name,
                "autoinstall_known_extensions": False,  # no query fetches code
            }
        )
        self._connection.execute("set timezone = 'UTC'")
        self._connection.execute(queries.read("staging/macros"))

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection and drop what spilled."""
        self._connection.close()
        self._spill.cleanup()

    def attach_parquet(
        self, table: Table, files: Sequence[str], name: str | None = None, within: Window = EVER
    ) -> None:
        """Make rows of ``files`` readable as a view, named as the table or ``name``; no files: no rows."""
        view = name or table.name
        if not files:
            self.attach(view, table.empty())
            return
        names = ", ".join("'" + name.replace("'", "''") + "'" for name in files)
        self._connection.execute(
            f"create or replace view {view} as "  # noqa: S608 - names of our own tables and quoted files
            f"select * from read_parquet([{names}], hive_partitioning = false, union_by_name = true)"
            f"{_where(within)}"
        )

    def attach(self, name: str, rows: pl.DataFrame | pa.Table) -> None:
        """Copy a small table in under ``name``."""
        data = rows.to_arrow() if isinstance(rows, pl.DataFrame) else rows
        self._connection.register("incoming", data)
        self._connection.execute(f"create or replace table {name} as select * from incoming")  # noqa: S608 - own name
        self._connection.unregister("incoming")

    def keep(self, name: str, query: str, values: Mapping[str, object] | None = None) -> None:
        """Run a query of sql/ once and keep its result as table ``name``."""
        statement = f"create or replace table {name} as\n{queries.read(query)}"
        try:
            self._connection.execute(statement, self._wanted(statement, values))
        except (duckdb.Error, KeyError) as problem:
            raise QueryError(f"sql/{query}.sql: {problem}") from problem

    def frame(self, query: str, values: Mapping[str, object] | None = None) -> pl.DataFrame:
        """Rows of a query of sql/."""
        statement = queries.read(query)
        try:
            rows = self._connection.sql(statement, params=self._wanted(statement, values)).to_arrow_table()
        except (duckdb.Error, KeyError) as problem:
            raise QueryError(f"sql/{query}.sql: {problem}") from problem
        return pl.DataFrame(rows)

    def table(self, name: str) -> pl.DataFrame:
        """All rows of a small table."""
        return pl.DataFrame(self._connection.table(name).to_arrow_table())

    def ask(self, statement: str) -> pl.DataFrame:
        """Rows of a user's own statement (``forensics sql``); DuckDB's errors pass through."""
        relation = self._connection.sql(statement)
        return pl.DataFrame() if relation is None else pl.DataFrame(relation.to_arrow_table())

    def _wanted(self, statement: str, values: Mapping[str, object] | None) -> dict[str, Any]:
        """The values that a statement names; DuckDB refuses surplus ones."""
        offered: Mapping[str, Any] = values or {}
        parsed = self._connection.extract_statements(statement)
        return {name: offered[name] for one in parsed for name in one.named_parameters}


def _where(within: Window) -> str:
    """The rows of a window, as a clause; a view takes no bound values."""
    ends = ((">=", within.since), ("<", within.until))
    bounds = [f"time {sign} timestamptz '{end.isoformat()}'" for sign, end in ends if end is not None]
    return f" where {' and '.join(bounds)}" if bounds else ""
