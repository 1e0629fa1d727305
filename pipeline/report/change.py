"""Whether a fix worked, as sentences, a table or JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import polars as pl
from rich.console import Console

from pipeline.report.rows import table, text
from pipeline.report.wording import chance, plural, ratio

JSON_SCHEMA = 1
"""Raised when a field of the JSON document changes its meaning or goes."""
_WIDTH = 100

Sides = Sequence[tuple[str, int]]
"""Before and after: what the user called each, and its requests."""


def sentence(row: Mapping[str, Any]) -> str:
    """One cause's change in words."""
    told = f"ratio {_bounded(row)}"
    rates = (
        f"from {_rate(row['before_per_million'])} to {_rate(row['after_per_million'])} per million requests"
    )
    return {
        "worked": f"{row['cause']} fell {rates}: {told}; the fix worked",
        "fell": f"{row['cause']} fell {rates}: {told}; perhaps not by half",
        "rose": f"{row['cause']} rose {rates}: {told}; it got worse",
        "appeared": f"{row['cause']} appeared, {rates}: {told}",
        "not_shown": f"{row['cause']} went {rates}: {told}; no change is shown",
    }[str(row["verdict"])]


def render(sides: Sides, changes: pl.DataFrame, notes: Sequence[str], console: Console) -> None:
    """Print what changed (rows of `pipeline.attribute.change`); it fits 80 columns."""
    width = min(console.width, _WIDTH)
    for label, (name, requests) in zip(("before", "after"), sides, strict=True):
        console.print(text(f"{label:<8}{name}: {plural(requests, 'request')}"), width=width)
    for note in notes:
        console.print(text(f"note    {note}"), width=width)
    if changes.is_empty():
        return
    rows = table("cause", "before", "after", "per million", "ratio (95 %)", "q", right=(1, 2, 3, 4, 5))
    for row in changes.iter_rows(named=True):
        rates = f"{_rate(row['before_per_million'])} > {_rate(row['after_per_million'])}"
        q = "" if row["q"] is None else chance(row["q"])
        rows.add_row(text(row["cause"]), f"{row['before']:,}", f"{row['after']:,}", rates, _bounded(row), q)
    console.print(rows, width=width)
    for row in changes.iter_rows(named=True):
        console.print(text(sentence(row)), width=width)


def write_json(sides: Sides, changes: pl.DataFrame, notes: Sequence[str], to: BinaryIO) -> None:
    """Write one JSON document, pure ASCII; an unbounded ratio is null."""
    named = [{"name": name, "requests": requests} for name, requests in sides]
    document = {
        "schema": JSON_SCHEMA,
        "before": named[0],
        "after": named[1],
        "notes": list(notes),
        "changes": [row | {"sentence": sentence(row)} for row in changes.iter_rows(named=True)],
    }
    to.write(json.dumps(document, ensure_ascii=True, allow_nan=False, indent=1).encode() + b"\n")


def _bounded(row: Mapping[str, Any]) -> str:
    return f"{_ratio(row['ratio'])} ({_ratio(row['low'])}–{_ratio(row['high'])})"


def _ratio(value: float | None) -> str:
    return f"{value:.2f}" if value is not None and value < 1.0 else ratio(value)


def _rate(per_million: float) -> str:
    """Two digits that count."""
    return f"{per_million:,.0f}" if per_million >= 10.0 or per_million == 0.0 else f"{per_million:.1f}"  # noqa: PLR2004 - where a decimal stops mattering
