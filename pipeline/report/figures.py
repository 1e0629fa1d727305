"""The main chart: errors by cause, over the node count of each group, over what else happened; one time axis.

Only results of sql/report/ are drawn. Colours of text and grid are left to the page, which knows
whether it is light or dark.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from textwrap import shorten, wrap
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped] # plotly ships no types
import polars as pl
from plotly.subplots import make_subplots  # type: ignore[import-untyped] # same

from pipeline.engine.duckdb import Engine
from pipeline.report import wording
from pipeline.report.colours import look
from pipeline.report.facts import Summary
from pipeline.report.safety import chart as safe

BUCKETS = (1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440)
"""Widths of a bar that people read easily, minutes."""

MOST_BARS = 288
"""Bars along the axis; the finest bucket that needs no more is taken."""

GROUPS = 6
"""Node groups with a line of their own; those that change least are left out, and the axis says so."""

_HOVER_COLUMNS = 64
_NAME_COLUMNS = 36
_HATCHING = {"fillmode": "overlay", "fgcolor": "#ffffff", "solidity": 0.25, "size": 6}
_ERRORS_PX, _NODES_PX, _LANE_PX, _GAP_PX, _MARGINS_PX = 330, 200, 44, 34, 100
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

Row = dict[str, Any]


def bucket_minutes(window: tuple[datetime, datetime]) -> int:
    """Width of a bar for a window, in minutes."""
    span = (window[1] - window[0]) / timedelta(minutes=1)
    return next((width for width in BUCKETS if span / width <= MOST_BARS), BUCKETS[-1])


def main_chart(engine: Engine, summary: Summary) -> str:
    """The chart as Plotly's JSON; empty text when there is no error to draw.

    Args:
        engine: with the tables of the incident.
        summary: of the same tables.
    """
    if summary.window is None or not summary.by_cause:
        return ""
    width = bucket_minutes(summary.window)
    ends = {"first_at": summary.window[0], "last_at": summary.window[1]}
    changes = engine.frame("report/node_changes", ends)
    events = engine.frame("report/cited_events")
    figure = _frame(events, width)
    _draw_errors(figure, engine, summary, width)
    _draw_nodes(figure, changes, summary.window)
    _draw_events(figure, events)
    figure.update_xaxes(range=[_at(moment) for moment in summary.window], hoverformat="%Y-%m-%d %H:%M:%S")
    return str(figure.to_json())


def _frame(events: pl.DataFrame, width: int) -> go.Figure:
    """Empty panels; the third is only there when a verdict cites such an event."""
    lanes = events["kind"].n_unique() * _LANE_PX
    heights = [_ERRORS_PX, _NODES_PX, lanes] if lanes else [_ERRORS_PX, _NODES_PX]
    figure = make_subplots(
        rows=len(heights),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=_GAP_PX / sum(heights),
        row_heights=[float(height) for height in heights],
    )
    unit = "minute" if width == 1 else f"{width} minutes"
    figure.update_yaxes(title_text=f"502 and 504 per {unit}", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="nodes", rangemode="tozero", row=2, col=1)
    figure.update_layout(
        template="none",
        barmode="stack",
        bargap=0.06,
        hovermode="closest",
        height=sum(heights) + _MARGINS_PX,
        margin={"l": 64, "r": 16, "t": 8, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        hoverlabel={"align": "left"},
    )
    return figure


def _draw_errors(figure: go.Figure, engine: Engine, summary: Summary, width: int) -> None:
    values = {"bucket_minutes": width}
    bars = engine.frame("report/errors_over_time", values)
    traffic = {
        row["bucket_at"]: row
        for row in engine.frame("report/traffic_over_time", values).iter_rows(named=True)
    }
    for cause in summary.by_cause:
        rows = list(bars.filter(pl.col("cause") == cause.cause).iter_rows(named=True))
        middle = timedelta(minutes=width / 2)
        fill = look(cause.cause)
        figure.add_bar(
            x=[_at(row["bucket_at"] + middle) for row in rows],
            y=[row["errors"] for row in rows],
            width=width * 60_000,
            name=safe(cause.cause),
            marker={"color": fill.hue, "line": {"width": 0}, "pattern": _HATCHING | {"shape": fill.hatching}},
            hovertext=[_bar_hover(row, traffic.get(row["bucket_at"]), width) for row in rows],
            hoverinfo="text",
            row=1,
            col=1,
        )


def _bar_hover(row: Row, traffic: Row | None, width: int) -> str:
    until = row["bucket_at"] + timedelta(minutes=width)
    lines = [f"<b>{safe(row['cause'])}</b>  {row['bucket_at']:%H:%M}–{until:%H:%M} UTC"]
    lines.append(f"{wording.plural(row['errors'], 'error')}, {wording.whole(row['errors_504'])} of them 504")
    if traffic and traffic["requests"]:
        share = traffic["gateway_errors"] / traffic["requests"]
        lines.append(f"all causes: {share:.2%} of {wording.plural(traffic['requests'], 'request')}")
    return "<br>".join([*lines, *_wrapped(row["evidence"])])


def _wrapped(text: str) -> list[str]:
    return [safe(line) for line in wrap(text, _HOVER_COLUMNS)[:4]]


def _draw_nodes(figure: go.Figure, changes: pl.DataFrame, window: tuple[datetime, datetime]) -> None:
    drawn, all_groups = drawn_groups(changes), changes["group_name"].n_unique()
    if len(drawn) < all_groups:
        figure.update_yaxes(title_text=f"nodes ({len(drawn)} of {all_groups} groups)", row=2, col=1)
    for number, group in enumerate(drawn):
        rows = list(changes.filter(pl.col("group_name") == group).iter_rows(named=True))
        _draw_line(figure, group, rows, window, _DASHES[number])
        for happened, symbol in (("joined", "triangle-up"), ("left", "triangle-down")):
            _draw_marks(figure, [row for row in rows if row["happened"] == happened], happened, symbol)


def drawn_groups(changes: pl.DataFrame) -> list[str]:
    """Node groups that get a line: those with most joins and leaves."""
    moves = pl.col("happened").ne("present").sum().alias("moves")
    ranked = changes.group_by("group_name").agg(moves).sort(["moves", "group_name"], descending=[True, False])
    return [str(name) for name in ranked["group_name"].head(GROUPS)]


def _draw_line(
    figure: go.Figure, group: str, rows: Sequence[Row], window: tuple[datetime, datetime], dash: str
) -> None:
    steps = {window[0]: 0} | {row["changed_at"]: row["nodes"] for row in rows}
    steps[window[1]] = rows[-1]["nodes"]
    figure.add_scatter(
        x=[_at(moment) for moment in steps],
        y=list(steps.values()),
        mode="lines",
        line={"shape": "hv", "width": 1.6, "dash": dash},
        name=f"{safe(shorten(group, _NAME_COLUMNS, placeholder=' …'))} (nodes)",
        meta="ink",
        legendrank=1001,
        hoverinfo="skip",
        row=2,
        col=1,
    )


def _draw_marks(figure: go.Figure, rows: Sequence[Row], happened: str, symbol: str) -> None:
    if not rows:
        return
    figure.add_scatter(
        x=[_at(row["changed_at"]) for row in rows],
        y=[row["nodes"] for row in rows],
        mode="markers",
        marker={
            "symbol": [symbol + "-open" * (row["known_by"] == "logs") for row in rows],
            "size": [9 + min(8, row["errors"] ** 0.5 / 2) for row in rows],
            "color": look("new_node" if happened == "joined" else "scale_in").hue,
            "line": {"width": 1, "color": "#ffffff"},
            "opacity": 1,
        },
        legendrank=1002,
        name=f"node {happened}",
        legendgroup=happened,
        showlegend=all(trace.legendgroup != happened for trace in figure.data),
        hovertext=[_mark_hover(row) for row in rows],
        hoverinfo="text",
        cliponaxis=False,
        row=2,
        col=1,
    )


def _mark_hover(row: Row) -> str:
    where = f" ({safe(row['private_ip'])})" if row["private_ip"] and row["private_ip"] != row["node"] else ""
    lines = [
        f"<b>node {row['happened']}</b>  {row['changed_at']:%H:%M:%S} UTC",
        f"{safe(row['node'])}{where}",
    ]
    lines.append(f"{safe(row['group_name'])}: {wording.plural(row['nodes'], 'node')} from then on")
    if row["happened"] == "left":
        drained = {True: "drained first", False: "not drained", None: "draining unknown"}[row["is_graceful"]]
        lines.append(f"{safe(row['reason'] or 'reason unknown')}, {drained}")
    doubt = f" ± {row['uncertainty_s']:g} s" if row["uncertainty_s"] is not None else ""
    lines.append(f"known by {safe(row['known_by'] or 'nobody')}{doubt}")
    return "<br>".join([*lines, f"<b>{wording.plural(row['errors'], 'error')}</b> attributed to it"])


def _draw_events(figure: go.Figure, events: pl.DataFrame) -> None:
    """A lane for each kind of event, named above its left end where it takes no room from the chart."""
    kinds = sorted(set(events["kind"]))
    for lane, kind in enumerate(kinds):
        text = safe(kind.replace("_", " "))
        place = {"x": 0, "xref": "x3 domain", "y": lane, "yref": "y3", "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(text=text, showarrow=False, **place)
    for cause in sorted(set(events["cause"])):
        rows = list(events.filter(pl.col("cause") == cause).iter_rows(named=True))
        figure.add_scatter(
            x=[_at(row["occurred_at"]) for row in rows],
            y=[kinds.index(row["kind"]) for row in rows],
            mode="markers",
            marker={"symbol": "diamond", "size": 9, "color": look(cause).hue, "line": {"width": 0}},
            showlegend=False,
            hovertext=[_event_hover(row) for row in rows],
            hoverinfo="text",
            cliponaxis=False,
            row=3,
            col=1,
        )
    if kinds:
        lanes = {
            "range": [-0.4, len(kinds) - 0.3],
            "tickvals": list(range(len(kinds))),
            "showticklabels": False,
        }
        figure.update_yaxes(**lanes, row=3, col=1)


def _event_hover(row: Row) -> str:
    lines = [
        f"<b>{safe(row['kind'].replace('_', ' '))}</b>  {row['occurred_at']:%H:%M:%S} UTC",
        safe(row["entity"]),
    ]
    lines += _wrapped(row["detail"] or "")
    return "<br>".join([*lines, f"<b>{wording.plural(row['errors'], 'error')}</b>: {safe(row['cause'])}"])


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"
