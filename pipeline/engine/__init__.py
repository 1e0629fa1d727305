"""Where SQL runs: DuckDB by default, Apache Spark past one machine."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import polars as pl
import pyarrow as pa

from pipeline.model import EVER, Table, Window


class Engine(Protocol):
    """Tables, and the queries of sql/ over them. All timestamps are UTC; values are bound."""

    def attach_parquet(
        self, table: Table, files: Sequence[str], name: str | None = None, within: Window = EVER
    ) -> None:
        """Make rows of files readable as a view; no files: no rows.

        Args:
            table: what the files hold.
            files: paths.
            name: of the view; None: the table's.
            within: the rows wanted, by ``time``. Which rows share a file hangs on how they were pulled, so no
                answer may hang on it.
        """
        ...

    def attach(self, name: str, rows: pl.DataFrame | pa.Table) -> None:
        """Copy a small table in under ``name``."""
        ...

    def keep(self, name: str, query: str, values: Mapping[str, object] | None = None) -> None:
        """Run a query of sql/ once and keep its result as table ``name``.

        Raises:
            QueryError: the engine refuses it.
        """
        ...

    def frame(self, query: str, values: Mapping[str, object] | None = None) -> pl.DataFrame:
        """Rows of a query of sql/.

        Raises:
            QueryError: the engine refuses it.
        """
        ...

    def table(self, name: str) -> pl.DataFrame:
        """All rows of a small table."""
        ...

    def ask(self, statement: str) -> pl.DataFrame:
        """Rows of a user's own statement (``forensics sql``); the engine's errors pass through."""
        ...
