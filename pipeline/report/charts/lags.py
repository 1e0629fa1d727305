"""Do errors follow events, or merely fall near them? Lags beside those to events moved by an hour."""

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from pipeline.report.charts.base import Chart, Scene, style
from pipeline.report.colours import look
from pipeline.report.safety import chart as safe

_ROW_PX, _MARGINS_PX = 190, 90
_MOST_CAUSES = 6
_STEP_S = 5
_FIRST_S, _LAST_S = -60, 300


def draw(scene: Scene) -> Chart | None:
    """A small panel for every cause that acts through events."""
    found = scene.frame("error_lags")
    causes = [row.cause for row in scene.summary.by_cause if row.cause in set(found["cause"])][:_MOST_CAUSES]
    if not causes:
        return None
    columns = min(2, len(causes))
    rows = -(-len(causes) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[safe(cause) for cause in causes],
        vertical_spacing=0.28 / rows,
        horizontal_spacing=0.08,
    )
    for number, cause in enumerate(causes):
        _draw_panel(figure, found.filter(pl.col("cause") == cause), cause, number, columns)
    height = rows * _ROW_PX + _MARGINS_PX
    style(figure, height)
    figure.update_layout(margin={"t": 40}, bargap=0.05)
    figure.update_xaxes(range=[_FIRST_S, _LAST_S], ticksuffix=" s")
    return Chart(
        id="lags",
        title="Do errors follow events, or merely fall near them?",
        note="Seconds from every event of the kinds that a cause cites to that cause’s errors (bars), and "
        "the same with all events moved by an hour (line), where only coincidence is left. A peak that the "
        "line lacks is a cause; bars no higher than the line are none.",
        figure=figure,
        tables={"error_lags": found},
        height=height,
    )


def _draw_panel(figure: go.Figure, rows: pl.DataFrame, cause: str, number: int, columns: int) -> None:
    place = {"row": number // columns + 1, "col": number % columns + 1}
    pairs = {row["lag_from_s"]: row for row in rows.iter_rows(named=True)}
    lags = range(_FIRST_S, _LAST_S, _STEP_S)
    middles = [lag + _STEP_S / 2 for lag in lags]
    figure.add_bar(
        x=middles,
        y=[pairs[lag]["pairs"] if lag in pairs else 0 for lag in lags],
        width=_STEP_S,
        name="events as they were",
        marker={"color": look(cause).hue, "line": {"width": 0}},
        showlegend=False,
        hovertemplate="%{x:.0f} s after an event: %{y} errors<extra></extra>",
        **place,
    )
    figure.add_scatter(
        x=middles,
        y=[pairs[lag]["moved_pairs"] if lag in pairs else 0 for lag in lags],
        mode="lines",
        line={"shape": "hvh", "width": 1.4},
        meta="ink",
        name="events moved by an hour",
        showlegend=number == 0,
        hovertemplate="%{x:.0f} s after a moved event: %{y} errors<extra></extra>",
        **place,
    )
