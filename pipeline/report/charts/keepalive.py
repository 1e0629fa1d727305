"""When servers close idle connections: the share of requests that fail, by how long their pair was idle."""

from collections.abc import Iterator

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from pipeline.report.charts.base import Chart, Row, Scene, style
from pipeline.report.colours import GREY, look
from pipeline.report.keepalive import group_name
from pipeline.report.safety import chart as safe

_ROW_PX, _MARGINS_PX = 180, 110
_MOST_GROUPS = 6
_SHORTEST_S = 0.1
_GROWTH = 1.12
_TICKS_S = (0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0, 3600.0)


def draw(scene: Scene) -> Chart | None:
    """A panel per target group whose keep-alive timeout the log tells; None where it tells none."""
    estimates, hazard = scene.frame("keepalive_estimates"), scene.frame("keepalive_hazard")
    told = list(estimates.filter(pl.col("verdict") == "estimated").head(_MOST_GROUPS).iter_rows(named=True))
    if not told:
        return None
    longest = max(_longest(row) for row in told)
    names = [safe(group_name(str(row["target_group_arn"]))) for row in told]
    figure = make_subplots(
        rows=len(told), cols=1, shared_xaxes=True, subplot_titles=names, vertical_spacing=0.3 / len(told)
    )
    for number, row in enumerate(told, start=1):
        mine = hazard.filter(pl.col("target_group_arn") == row["target_group_arn"])
        _draw_bars(figure, list(_bins(mine, longest)), number)
        _draw_limits(figure, row, number)
    height = len(told) * _ROW_PX + _MARGINS_PX
    style(figure, height)
    figure.update_layout(margin={"t": 40})
    figure.update_xaxes(
        type="log",
        range=[float(np.log10(_SHORTEST_S)), float(np.log10(longest))],
        tickvals=_TICKS_S,
        ticktext=[f"{tick:g} s" for tick in _TICKS_S],
        tickangle=0,
    )
    figure.update_xaxes(title_text="pause before the request", row=len(told), col=1)
    figure.update_yaxes(title_text="‰ failed", rangemode="tozero", nticks=4)
    return Chart(
        id="keepalive-hazard",
        title="Requests that failed, by how long their connection may have been idle",
        note="A tall bar with nothing beyond it is where servers hang up: their keep-alive timeout (grey "
        "band: its 95 % interval). Left of the line at which the load balancer itself closes idle "
        "connections, the two race, and the loser is a 502. The pause is that of the pair of load balancer "
        "node and target.",
        figure=figure,
        tables={"keepalive_hazard": hazard, "keepalive_estimates": estimates},
        height=height,
    )


def _longest(row: Row) -> float:
    """Where the axis ends, s: beyond both timeouts."""
    return max(float(row["high"]) * 2.0, float(row["idle_timeout_s"]) * 1.4, 2.0)


def _bins(hazard: pl.DataFrame, longest: float) -> Iterator[tuple[float, float, int, int]]:
    """First and last pause (s), requests and errors of each bin with an error; bins grow with the pause."""
    steps = int(np.ceil(np.log(longest / _SHORTEST_S) / np.log(_GROWTH)))
    # Edges on whole tenths: the counts are by tenths.
    edges = np.unique(np.round(_SHORTEST_S * _GROWTH ** np.arange(steps + 1), 1))
    bins = np.searchsorted(edges, hazard["pause_s"].to_numpy() + 1e-6, side="right") - 1
    requests, errors = hazard["requests"].to_numpy(), hazard["errors"].to_numpy()
    for number in range(len(edges) - 1):
        inside = bins == number
        failed = int(errors[inside].sum())
        if failed:
            asked = max(int(requests[inside].sum()), failed)
            yield float(edges[number]), float(edges[number + 1]), asked, failed


def _draw_bars(figure: go.Figure, bins: list[tuple[float, float, int, int]], number: int) -> None:
    figure.add_bar(
        x=[(first + end) / 2 for first, end, _, _ in bins],
        width=[end - first for first, end, _, _ in bins],
        y=[1000.0 * errors / requests for _, _, requests, errors in bins],
        marker={"color": look("keepalive_race").hue, "line": {"width": 0}},
        hovertext=[
            f"{first:g} to {end:g} s: {errors:,} of {requests:,} requests failed"
            for first, end, requests, errors in bins
        ],
        hoverinfo="text",
        showlegend=False,
        row=number,
        col=1,
    )


def _draw_limits(figure: go.Figure, row: Row, number: int) -> None:
    """The interval of the timeout, and where the load balancer closes; grey reads on light and dark paper."""
    place = {"row": number, "col": 1}
    figure.add_vrect(
        x0=row["low"], x1=row["high"], fillcolor=GREY, opacity=0.3, line_width=0, layer="below", **place
    )
    figure.add_vline(x=row["idle_timeout_s"], line={"color": GREY, "width": 1.2, "dash": "dot"}, **place)
    figure.add_annotation(
        x=float(np.log10(row["idle_timeout_s"])),
        y=1,
        yref="y domain" if number == 1 else f"y{number} domain",
        xref="x" if number == 1 else f"x{number}",
        text="load balancer closes",
        showarrow=False,
        textangle=-90,
        xanchor="right",
        xshift=-2,
        yanchor="top",
    )
