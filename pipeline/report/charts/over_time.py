"""The main chart: errors by cause, over the node count of each group, over what else happened."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from textwrap import shorten

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from pipeline.report import wording
from pipeline.report.charts.base import Chart, Row, Scene, at, style, wrapped
from pipeline.report.colours import look
from pipeline.report.safety import chart as safe

GROUPS = 6
"""Node groups with a line of their own; those that change least are left out, and the axis says so."""

_NAME_COLUMNS = 36
_HATCHING = {"fillmode": "overlay", "fgcolor": "#ffffff", "solidity": 0.25, "size": 6}
_ERRORS_PX, _NODES_PX, _LANE_PX, _GAP_PX, _MARGINS_PX = 330, 200, 44, 34, 100
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def draw(scene: Scene) -> Chart:
    """The chart that cracked the original case: the curve of errors against the number of nodes."""
    tables = {
        name: scene.frame(name)
        for name in ("errors_over_time", "traffic_over_time", "node_changes", "cited_events")
    }
    changes, events = tables["node_changes"], tables["cited_events"]
    figure = _frame(events, scene.width)
    _draw_errors(figure, tables["errors_over_time"], tables["traffic_over_time"], scene)
    _draw_nodes(figure, changes, scene.window)
    _draw_events(figure, events)
    figure.update_xaxes(range=[at(moment) for moment in scene.window], hoverformat="%Y-%m-%d %H:%M:%S")
    return Chart(
        id="over-time",
        title="What failed, and what came and went",
        note="UTC. ▲ a node joined, ▼ a node left; hollow where only the log’s first or last line tells; "
        "larger marks have more errors attributed to them. Drag to zoom all charts and to narrow the table, "
        "double-click to zoom out, click a legend entry to hide it.",
        figure=figure,
        tables=tables,
        is_timed=True,
        height=figure.layout.height,
    )


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
    style(figure, sum(heights) + _MARGINS_PX)
    figure.update_layout(barmode="stack", bargap=0.06)
    return figure


def _draw_errors(figure: go.Figure, bars: pl.DataFrame, seen: pl.DataFrame, scene: Scene) -> None:
    width = scene.width
    traffic = {row["bucket_at"]: row for row in seen.iter_rows(named=True)}
    for cause in scene.summary.by_cause:
        rows = list(bars.filter(pl.col("cause") == cause.cause).iter_rows(named=True))
        middle = timedelta(minutes=width / 2)
        fill = look(cause.cause)
        figure.add_bar(
            x=[at(row["bucket_at"] + middle) for row in rows],
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
    return "<br>".join([*lines, *wrapped(row["evidence"])])


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
        x=[at(moment) for moment in steps],
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
        x=[at(row["changed_at"]) for row in rows],
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
            x=[at(row["occurred_at"]) for row in rows],
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
    lines += wrapped(row["detail"] or "")
    return "<br>".join([*lines, f"<b>{wording.plural(row['errors'], 'error')}</b>: {safe(row['cause'])}"])
