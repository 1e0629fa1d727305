"""What a table is, and the Arrow types of its columns."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
REAL = pa.float64()
WHOLE = pa.int64()
SYMBOL = pa.dictionary(pa.int32(), pa.string())
"""Text with few distinct values: stored once per file, compared as text."""


def column(name: str, kind: pa.DataType, meaning: str, *, required: bool = False) -> "pa.Field[Any]":
    """One column with its meaning; ``required`` columns hold no NULL."""
    return pa.field(name, kind, nullable=not required, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Table:
    """A table's name, its grain (one row per what) and its Arrow schema."""

    name: str
    grain: str
    schema: pa.Schema

    def empty(self) -> pa.Table:
        """The table without rows; `Schema.empty_table` would load pandas, where that is installed."""
        return pa.Table.from_batches([], schema=self.schema)


@dataclass(frozen=True)
class Window:
    """Half-open span of time [since, until), UTC; None is open."""

    since: datetime | None = None
    until: datetime | None = None


EVER = Window()
