"""The evidence that the page carries: errors, their candidates and the events around, column by column.

Columns instead of rows, because the page's script reads them that way and they compress to a third. Every
text is made visible here; the script only ever sets it as text.
"""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from pipeline.engine import Engine
from pipeline.report import safety

MOST_DETAILED = 10_000
"""Errors whose candidates are in the page; of all others it has the verdict and the runner-up."""
MOST_EVENTS = 20_000
MOST_OBJECTS = 5_000
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)

Columns = dict[str, list[Any]]


def packed(engine: Engine) -> dict[str, Columns]:
    """Tables for the page's script.

    Args:
        engine: with the tables of the incident.

    Returns:
        By name the columns of ``errors`` (by time), ``candidates`` (``error`` is the place of its error) and
        ``events``; instants are milliseconds since 1970, UTC.
    """
    errors = engine.frame("report/errors")
    places = pl.DataFrame({"request_id": errors["request_id"], "error": range(errors.height)})
    candidates = (
        engine.frame("report/candidates", {"row_limit": MOST_DETAILED})
        .join(places, on="request_id", maintain_order="left")
        .drop("request_id")
        .sort("error", maintain_order=True)
    )
    events = engine.frame("report/events_near_errors", {"row_limit": MOST_EVENTS})
    return {"errors": columns(errors), "candidates": columns(candidates), "events": columns(events)}


def columns(rows: pl.DataFrame) -> Columns:
    """Values that JSON can hold, by column."""
    return {name: [_value(value) for value in rows[name]] for name in rows.columns}


def csv_text(rows: pl.DataFrame) -> str:
    """A table as CSV whose cells no spreadsheet takes for formulas."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.columns)
    writer.writerows([_cell(value) for value in row] for row in rows.iter_rows())
    return text.getvalue()


def _value(value: object) -> object:
    match value:
        case str():
            return safety.visible(value)
        case datetime():
            return (value - _EPOCH) // _MILLISECOND  # cut off, as everywhere that text shows it
        case float():
            return round(value, 6)
        case _:
            return value


def _cell(value: object) -> object:
    match value:
        case str():
            return safety.csv_cell(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case _:
            return value
