"""Attributions and summary as JSON, JSON lines, CSV, Parquet or Markdown, and for other tools' time lines."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, BinaryIO, Literal

import polars as pl
import pyarrow.parquet as pq

from pipeline.model import ATTRIBUTIONS
from pipeline.report import exports, markdown, safety
from pipeline.report.facts import Summary

Format = Literal["json", "jsonl", "csv", "parquet", "md", "timesketch", "grafana"]

JSON_SCHEMA = 1
"""Raised when a field of the JSON document changes its meaning or goes."""


def write(attributions: pl.DataFrame, summary: Summary, format: Format, to: BinaryIO) -> None:  # noqa: A002 - the word users type
    """Write one run's result.

    Args:
        attributions: rows in the schema of `attributions`; written in the order given.
        summary: the same run's summary; in ``json`` and ``md`` only.
        format: ``json`` one document, ``jsonl`` one attribution a line, ``csv`` with a header,
            ``parquet`` in the schema of `attributions`, ``md`` a summary for a post-mortem,
            ``timesketch`` JSON lines and ``grafana`` annotations, see `exports`.
        to: where to; is neither closed nor flushed. Text is UTF-8, JSON is pure ASCII.
    """
    writers: Mapping[str, Callable[[pl.DataFrame, Summary, BinaryIO], None]] = {
        "json": _json,
        "jsonl": _json_lines,
        "csv": _csv,
        "parquet": _parquet,
        "md": _markdown,
        "timesketch": lambda rows, _, into: exports.timesketch(rows, into),
        "grafana": lambda rows, _, into: exports.grafana(rows, into),
    }
    writers[format](attributions, summary, to)


def _json(attributions: pl.DataFrame, summary: Summary, to: BinaryIO) -> None:
    head = {"schema": JSON_SCHEMA, "summary": _summary_value(summary)}
    to.write(_dumped(head).removesuffix("}").encode() + b', "attributions": [')
    lines = (_dumped(row).encode() for row in _rows(attributions))
    to.writelines((b",\n  " if number else b"\n  ") + line for number, line in enumerate(lines))
    to.write(b"\n]}\n")


def _json_lines(attributions: pl.DataFrame, _: Summary, to: BinaryIO) -> None:
    to.writelines(_dumped(row).encode() + b"\n" for row in _rows(attributions))


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _rows(attributions: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for row in attributions.iter_rows(named=True):
        yield {name: _json_value(value) for name, value in row.items()}


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return _rfc3339(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _summary_value(summary: Summary) -> dict[str, Any]:
    value = asdict(summary)
    value["window"] = [_rfc3339(moment) for moment in summary.window] if summary.window else None
    return value


def _csv(attributions: pl.DataFrame, _: Summary, to: BinaryIO) -> None:
    text = io.TextIOWrapper(to, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(attributions.columns)
    writer.writerows(attributions.select(map(_cells, attributions.iter_columns())).iter_rows())
    text.detach()


def _cells(column: pl.Series) -> pl.Series:
    """Text made harmless; numbers stay numbers, so a negative lag keeps its sign."""
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if column.dtype != pl.String:
        return column
    cells = [None if value is None else safety.csv_cell(value) for value in column]
    return pl.Series(column.name, cells, dtype=pl.String)


def _parquet(attributions: pl.DataFrame, summary: Summary, to: BinaryIO) -> None:
    rows = attributions.select(ATTRIBUTIONS.schema.names).to_arrow().cast(ATTRIBUTIONS.schema)
    # What the errors are a share of: forensics diff asks for it.
    rows = rows.replace_schema_metadata({"forensics.requests": str(summary.requests)})
    pq.write_table(rows, to, compression="zstd")


def _markdown(attributions: pl.DataFrame, summary: Summary, to: BinaryIO) -> None:
    to.write(markdown.document(attributions, summary).encode())
