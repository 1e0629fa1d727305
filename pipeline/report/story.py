"""Why one request failed: the verdict, its line, the sum behind its probability, and what happened then."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import BinaryIO

import polars as pl
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from pipeline.report import keepalive as keepalive_words
from pipeline.report.rows import cell, table, text
from pipeline.report.safety import visible
from pipeline.report.wording import percent, plural

JSON_SCHEMA = 1
"""Raised when a field of the JSON document changes its meaning or goes."""

_WIDTH = 100
_CAUSES = 3
"""Causes with a column of their own in the sum; the others are in its total."""
_NEIGHBOURS = 12
_WORTH_SAYING = 0.005
"""A runner-up below half a percent is not told with the verdict; the sum has it."""
_STEPS = (
    ("log_likelihood", "fit of line, lag and target"),
    ("log_prior", "+ rate before the incident"),
    ("log_learnt", "+ what the incident taught"),
    ("log_class", "+ that event's kinds of error"),
    ("score", "= score"),
    ("log_total", "- all candidates together"),
)


@dataclass(frozen=True)
class Story:
    """Everything known about one gateway error.

    Attributes:
        error: its row of `gateway_errors` and `attributions`, by column.
        candidates: its candidates with the terms of their probability, most probable first.
        lifetimes: who held the target's address, and when.
        events: what happened within ten minutes, nearest first, with the lag in seconds.
        neighbours: what else its target was asked at the time, failures first.
        keepalive: the estimate for its target group, at most one row.
        checks: findings on its candidates' causes.
    """

    error: Mapping[str, object]
    candidates: pl.DataFrame
    lifetimes: pl.DataFrame
    events: pl.DataFrame
    neighbours: pl.DataFrame
    keepalive: pl.DataFrame
    checks: pl.DataFrame


def render(story: Story, console: Console) -> None:
    """Print the story; it fits 80 columns."""
    width = min(console.width, _WIDTH)
    error = story.error
    head = f"{error['cause']} ({percent(_real(error['confidence']))}): {error['title']}"
    console.print(text(head), style="bold", width=width)
    console.print(text(str(error["evidence"])), width=width)
    console.print()
    _facts(console, _verdict(error), width)
    _heading(console, "The request")
    _facts(console, [*_line(error), *_target(story)], width)
    _heading(console, "How the probability adds up (natural logarithms)")
    _sum(story, console, width)
    _heading(console, "Timeline (s from the failure)")
    _timeline(story, console, width)
    findings = list(_findings(story))
    if findings:
        _heading(console, "Over the whole incident")
        for finding in findings:
            console.print(Padding(text(finding), (0, 0, 0, 2), expand=False), width=width)


def write_json(story: Story, to: BinaryIO) -> None:
    """Write the story as one JSON document, pure ASCII; ``waterfall`` holds every candidate's terms."""
    document = {
        "schema": JSON_SCHEMA,
        "error": {name: _value(value) for name, value in story.error.items()},
        "waterfall": _listed(story.candidates),
        "lifetimes": _listed(story.lifetimes),
        "events": _listed(story.events),
        "neighbours": _listed(story.neighbours),
        "keepalive": next(iter(_listed(story.keepalive)), None),
        "checks": _listed(story.checks),
    }
    to.write(json.dumps(document, ensure_ascii=True, allow_nan=False, indent=1).encode() + b"\n")


def _listed(rows: pl.DataFrame) -> list[dict[str, object]]:
    return [{name: _value(value) for name, value in row.items()} for row in rows.iter_rows(named=True)]


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, Decimal):
        # DuckDB adds up whole numbers in 128 bits.
        return int(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _verdict(error: Mapping[str, object]) -> list[tuple[str, str]]:
    facts = [("change", str(error["remedy"]))]
    if error["runner_up"] and _real(error["runner_up_confidence"]) >= _WORTH_SAYING:
        facts.append(("else", f"{error['runner_up']} ({percent(_real(error['runner_up_confidence']))})"))
    if error["missing_sources"]:
        facts.append(("not watched", str(error["missing_sources"])))
    return facts


def _line(error: Mapping[str, object]) -> list[tuple[str, str]]:
    return [
        ("request id", str(error["request_id"])),
        ("trace id", str(error["trace_id"] or "-")),
        ("logged in", f"{error['object_key']} line {error['line_number']}"),
        ("asked", f"{error['request_verb']} {error['path']} ({_whole(error['received_bytes'])} bytes)"),
        ("received", f"{cell(error['began_at'])} UTC"),
        ("failed", f"{cell(error['failed_at'])} UTC, {cell(error['duration_s'])} s later"),
        ("answer", f"{error['elb_status_code']} from {error['elb']} node {error['elb_node_ip'] or '?'}"),
        ("class", f"{error['failure_class']}{_wait(error)}"),
        ("pair idle", f"{_pause(error)}; idle timeout {cell(error['idle_timeout_s'])} s{_assumed(error)}"),
    ]


def _whole(value: object) -> str:
    return "?" if value is None else f"{int(str(value)):,}"


def _wait(error: Mapping[str, object]) -> str:
    waited = error["waited_s"]
    return "" if waited is None else f", {cell(waited)} s after it was sent to the target"


def _pause(error: Mapping[str, object]) -> str:
    gap = error["gap_s"]
    return "unknown" if gap is None else f"{cell(gap)} s before"


def _assumed(error: Mapping[str, object]) -> str:
    return "" if error["configured_idle_timeout_s"] is not None else " (default, not read)"


def _target(story: Story) -> Iterator[tuple[str, str]]:
    error = story.error
    if not error["target_ip"]:
        yield "target", "none was chosen"
        return
    yield "target", f"{error['target_ip']}:{error['target_port']} of {error['target_group_arn']}"
    held = list(story.lifetimes.iter_rows(named=True))
    then = [row for row in held if row["lifetime_id"] == error["lifetime_id"]]
    for row in then:
        yield "was then", _life(row)
    if not then:
        yield "was then", "no source and no line knows"
    for row in held:
        if row not in then:
            yield "other time", _life(row)


def _life(row: Mapping[str, object]) -> str:
    who = str(row["pod_name"] or row["node_name"] or row["instance_id"] or row["private_ip"])
    if row["pod_name"] and row["node_name"]:
        who += f" on {row['node_name']}"
    group = f" ({row['node_group']})" if row["node_group"] else ""
    parts = [f"{who}{group}"]
    if row["joined_at"]:
        parts.append(f"joined {cell(row['joined_at'])} by {row['joined_known_by']}")
    if row["drain_started_at"]:
        parts.append(f"draining from {cell(row['drain_started_at'])}")
    if row["left_at"]:
        reason = f" ({row['left_reason']})" if row["left_reason"] else ""
        parts.append(f"left {cell(row['left_at'])} by {row['left_known_by']}{reason}")
    return ", ".join(parts)


def _sum(story: Story, console: Console, width: int) -> None:
    """The best candidate of each leading cause as a column that adds up to its confidence."""
    leading = story.candidates.unique("cause", keep="first", maintain_order=True).head(_CAUSES)
    columns = leading.rows(named=True)
    sums = table("", *(row["cause"] for row in columns), right=tuple(range(1, len(columns) + 1)))
    for name, title in _STEPS:
        sign = -1.0 if name == "log_total" else 1.0
        sums.add_row(text(title), *(_nats(sign * row[name]) for row in columns))
    others = [_rest(story.candidates, row) for row in columns]
    sums.add_row(text("= ln probability"), *(_nats(row["score"] - row["log_total"]) for row in columns))
    sums.add_row(text("probability"), *(f"{row['probability']:.4f}" for row in columns))
    if any(others):
        sums.add_row(text("+ through other events"), *(f"{one:.4f}" for one in others))
    if any(row["ceiling"] < 1.0 for row in columns):
        sums.add_row(text("x logs alone cannot prove it"), *(f"{row['ceiling']:.2f}" for row in columns))
    sums.add_row(text(_trusted(columns)), *(f"{row['trust']:.2f}" for row in columns))
    shares = [
        (row["probability"] + one) * row["ceiling"] * row["trust"]
        for row, one in zip(columns, others, strict=True)
    ]
    sums.add_row(text("= confidence"), *(f"{share:.4f}" for share in shares))
    console.print(sums, width=width)
    for row in columns:
        console.print(
            Padding(text(f"{row['cause']}: {row['evidence']}"), (0, 0, 0, 2), expand=False), width=width
        )
    if story.error["cause"] != columns[0]["cause"]:
        note = f"{columns[0]['cause']} is not the verdict: what would show an event did not watch then"
        console.print(Padding(text(note), (0, 0, 0, 2), expand=False), width=width)


def _nats(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"


def _rest(candidates: pl.DataFrame, row: Mapping[str, object]) -> float:
    of_cause = candidates.filter(pl.col("cause") == row["cause"])["probability"]
    rest = float(of_cause.sum()) - _real(row["probability"])
    return rest if rest > 5e-5 else 0.0  # noqa: PLR2004 - half of the last digit shown


def _trusted(columns: list[dict[str, object]]) -> str:
    trust = _real(columns[0]["trust"])
    if trust == 1.0:
        return "x the line itself says so"
    return "x no list of causes is whole" if trust > 0.9 else "x a source did not watch"  # noqa: PLR2004 - see verdicts.TRUST


def _timeline(story: Story, console: Console, width: int) -> None:
    """The request's own steps, events and neighbours in the order of time."""
    error = story.error
    steps = [
        (-_real(error["duration_s"]), "REQUEST", "received"),
        (0.0, "REQUEST", f"failed: {error['elb_status_code']} ({error['failure_class']})"),
    ]
    rows = [*steps, *_event_steps(story.events), *_neighbour_steps(story.neighbours)]
    lines = Table.grid(padding=(0, 2))
    lines.add_column(justify="right", no_wrap=True)
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for offset, kind, what in sorted(set(rows)):
        lines.add_row(f"{offset:+.3f}", text(kind), text(what), style="bold" if kind == "REQUEST" else "")
    console.print(Padding(lines, (0, 0, 0, 2), expand=False), width=width)
    hidden = story.neighbours.height - _NEIGHBOURS
    if hidden > 0:
        console.print(text(f"  and {plural(hidden, 'request')} more on the same target"), width=width)


def _event_steps(events: pl.DataFrame) -> Iterator[tuple[float, str, str]]:
    for row in events.iter_rows(named=True):
        who = row["pod_name"] or row["node_name"] or row["instance_id"] or row["private_ip"] or ""
        reason = f" ({row['reason']})" if row["reason"] else ""
        yield -row["lag_s"], "event", f"{row['kind']} {who}{reason} [{row['source']}]"


def _neighbour_steps(neighbours: pl.DataFrame) -> Iterator[tuple[float, str, str]]:
    for row in neighbours.head(_NEIGHBOURS).iter_rows(named=True):
        own = "" if row["target_status_code"] is None else f", target's {row['target_status_code']}"
        pair = "same pair" if row["is_same_pair"] else f"node {row['elb_node_ip'] or '?'}"
        asked = f"{row['request_verb']} {row['path']}"
        yield row["offset_s"], "neighbour", f"{row['elb_status_code']}{own}, {pair}: {asked}"


def _findings(story: Story) -> Iterator[str]:
    for row in story.checks.iter_rows(named=True):
        yield f"{row['cause']}: {row['sentence']}"
    for row in story.keepalive.iter_rows(named=True):
        yield keepalive_words.sentence(row)


def _heading(console: Console, title: str) -> None:
    console.print()
    console.print(text(title), style="bold")


def _facts(console: Console, facts: list[tuple[str, str]], width: int) -> None:
    """Names and values in two columns; long values fold, so that keys and ids stay whole when joined."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(text(name), text(visible(value)))
    console.print(Padding(grid, (0, 0, 0, 2), expand=False), width=width)


def _real(value: object) -> float:
    return float(str(value))
