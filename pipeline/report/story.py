"""One request's evidence, a score against a known truth, and plain rows, on a terminal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.report.safety import visible
from pipeline.report.wording import percent


@dataclass(frozen=True)
class Story:
    """Everything known about one gateway error.

    Attributes:
        error: its row of `gateway_errors` and `attributions`, by column.
        candidates: its candidates, most probable first.
        lifetimes: who held the target's address, and when.
        events: what happened within ten minutes, nearest first, with the lag in seconds.
        neighbours: what else the target was asked within five seconds.
    """

    error: Mapping[str, object]
    candidates: pl.DataFrame
    lifetimes: pl.DataFrame
    events: pl.DataFrame
    neighbours: pl.DataFrame


def render(story: Story, console: Console) -> None:
    """Print the verdict, the line, the candidates and what happened around."""
    error = story.error
    console.print(
        _text(f"{error['cause']} ({percent(_real(error['confidence']))}): {error['title']}"), style="bold"
    )
    console.print(_text(str(error["evidence"])))
    console.print(_text(f"Change: {error['remedy']}"))
    if error["missing_sources"]:
        console.print(_text(f"Not watched then: {error['missing_sources']}"))
    console.print()
    for name, value in _line(error):
        console.print(_text(f"{name:<12}{value}"), soft_wrap=True)
    _section(console, "Candidates", _candidates(story.candidates))
    _section(console, "Holders of the target's address", _lifetimes(story.lifetimes))
    _section(console, "Events within ten minutes, nearest first", _events(story.events))
    _section(console, "Same target within five seconds", _neighbours(story.neighbours))


def render_score(per_cause: pl.DataFrame, accuracy: float, macro_f1: float, console: Console) -> None:
    """Print how verdicts compare with a known truth (rows ``cause, errors, precision, recall, f1``)."""
    table = _table("true cause", "errors", "precision", "recall", "F1", right=(1, 2, 3, 4))
    for cause, errors, precision, recall, f1 in per_cause.iter_rows():
        table.add_row(_text(cause), f"{errors:,}", percent(precision), percent(recall), f"{f1:.2f}")
    console.print(
        _text(f"Against the known truth: {percent(accuracy)} right, macro-F1 {macro_f1:.2f}"), style="bold"
    )
    console.print(table)


def render_rows(rows: pl.DataFrame, console: Console) -> None:
    """Print any rows; tab-separated when the output is no terminal, so that pipes get whole values."""
    if not console.is_terminal:
        console.file.write("\t".join(rows.columns) + "\n")
        for row in rows.iter_rows():
            console.file.write("\t".join(visible(_cell(value)) for value in row) + "\n")
        return
    table = _table(*rows.columns)
    for row in rows.iter_rows():
        table.add_row(*(_text(_cell(value)) for value in row))
    console.print(table)


def _line(error: Mapping[str, object]) -> list[tuple[str, str]]:
    return [
        ("request", f"{error['request_id']}  {error['trace_id'] or '-'}"),
        ("logged in", f"{error['object_key']} line {error['line_number']}"),
        ("asked", f"{error['request_verb']} {error['path']} ({error['received_bytes']} bytes)"),
        (
            "from / to",
            f"{_cell(error['began_at'])} to {_cell(error['failed_at'])} ({_cell(error['duration_s'])} s)",
        ),
        ("answer", f"{error['elb_status_code']} by {error['elb']} node {error['elb_node_ip'] or '?'}"),
        (
            "target",
            f"{error['target_ip'] or '-'}:{error['target_port'] or '-'} of {error['target_group_arn']}",
        ),
        ("class", str(error["failure_class"])),
        ("pair idle", f"{_cell(error['gap_s'])} s; idle timeout {_cell(error['idle_timeout_s'])} s"),
    ]


def _candidates(rows: pl.DataFrame) -> Table:
    table = _table("cause", "probability", "ln likelihood", "ln rate", "evidence", right=(1, 2, 3))
    for row in rows.head(12).iter_rows(named=True):
        table.add_row(
            _text(row["cause"]),
            f"{row['probability']:.4f}",
            f"{row['log_likelihood']:.2f}",
            f"{row['log_rate']:.2f}",
            _text(row["evidence"]),
        )
    return table


def _lifetimes(rows: pl.DataFrame) -> Table:
    table = _table("who", "joined", "known by", "drain", "left", "known by", "why")
    for row in rows.iter_rows(named=True):
        table.add_row(
            _text(_cell(row["pod_name"] or row["node_name"] or row["instance_id"])),
            _cell(row["joined_at"]),
            _text(_cell(row["joined_known_by"])),
            _cell(row["drain_started_at"]),
            _cell(row["left_at"]),
            _text(_cell(row["left_known_by"])),
            _text(_cell(row["left_reason"])),
        )
    return table


def _events(rows: pl.DataFrame) -> Table:
    table = _table("lag s", "kind", "who", "reason", "source", right=(0,))
    for row in rows.iter_rows(named=True):
        who = row["pod_name"] or row["node_name"] or row["instance_id"] or row["private_ip"]
        table.add_row(
            f"{row['lag_s']:+.1f}", row["kind"], _text(_cell(who)), _text(_cell(row["reason"])), row["source"]
        )
    return table


def _neighbours(rows: pl.DataFrame) -> Table:
    table = _table(
        "offset s", "node", "answer", "target's", "connect s", "target s", "request", right=(0, 4, 5)
    )
    for row in rows.iter_rows(named=True):
        table.add_row(
            f"{row['offset_s']:+.3f}",
            _text(_cell(row["elb_node_ip"])),
            _cell(row["elb_status_code"]),
            _cell(row["target_status_code"]),
            _cell(row["request_processing_time"]),
            _cell(row["target_processing_time"]),
            _text(f"{row['request_verb']} {row['path']}"),
        )
    return table


def _section(console: Console, title: str, table: Table) -> None:
    console.print()
    console.print(_text(title), style="bold")
    console.print(table if table.row_count else _text("(none)"))


def _table(*columns: str, right: tuple[int, ...] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        table.add_column(_text(name), justify="right" if place in right else "left", overflow="fold")
    return table


def _text(text: str) -> Text:
    return Text(visible(text))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _real(value: object) -> float:
    return float(str(value))
