"""Plain rows on a terminal: any query's, and a score against a known truth."""

from datetime import datetime

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.report.safety import visible
from pipeline.report.wording import percent


def render_score(per_cause: pl.DataFrame, accuracy: float, macro_f1: float, console: Console) -> None:
    """Print how verdicts compare with a known truth (rows ``cause, errors, precision, recall, f1``)."""
    rows = table("true cause", "errors", "precision", "recall", "F1", right=(1, 2, 3, 4))
    for cause, errors, precision, recall, f1 in per_cause.iter_rows():
        rows.add_row(text(cause), f"{errors:,}", percent(precision), percent(recall), f"{f1:.2f}")
    console.print(
        text(f"Against the known truth: {percent(accuracy)} right, macro-F1 {macro_f1:.2f}"), style="bold"
    )
    console.print(rows)


def render_rows(rows: pl.DataFrame, console: Console) -> None:
    """Print any rows; tab-separated when the output is no terminal, so that pipes get whole values."""
    if not console.is_terminal:
        console.file.write("\t".join(rows.columns) + "\n")
        for row in rows.iter_rows():
            console.file.write("\t".join(visible(cell(value)) for value in row) + "\n")
        return
    shown = table(*rows.columns)
    for row in rows.iter_rows():
        shown.add_row(*(text(cell(value)) for value in row))
    console.print(shown)


def table(*columns: str, right: tuple[int, ...] = ()) -> Table:
    """An empty table; columns whose places are in ``right`` hold numbers."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        rows.add_column(text(name), justify="right" if place in right else "left", overflow="fold")
    return rows


def text(value: str) -> Text:
    """Harmless text without markup."""
    return Text(visible(value))


def cell(value: object) -> str:
    """A value in a cell: instants to the millisecond, numbers with three decimals at most."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
