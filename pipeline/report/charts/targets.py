"""Where it failed: who held each target's address and when it failed, and targets against time."""

import plotly.graph_objects as go
import polars as pl

from pipeline.report import wording
from pipeline.report.charts.base import MOST_TARGETS, Chart, Row, Scene, at, blue, style
from pipeline.report.colours import look
from pipeline.report.safety import chart as safe

_ROW_PX, _MARGINS_PX, _LEFT_PX = 24, 90, 124
_LEAST_PX = 240


def draw_lives(scene: Scene) -> Chart | None:
    """A bar for every stay of a target's address, with its errors on it."""
    errors, lives = scene.frame("target_errors"), scene.frame("target_lives")
    targets = _targets(errors)
    if not targets or lives.is_empty():
        return None
    figure = go.Figure()
    for row in lives.iter_rows(named=True):
        _draw_stay(figure, row)
    for cause in scene.summary.by_cause:
        _draw_marks(figure, errors.filter(pl.col("cause") == cause.cause), cause.cause)
    _finish(figure, scene, targets)
    return Chart(
        id="target-lives",
        title="Who held each target’s address, and when it failed",
        note=f"The {len(targets)} targets with most errors, worst on top. A bar is one node or pod from join "
        "to leave; a mark is its errors of one cause, larger for more. Errors at the end of a bar left with "
        "it; errors at its start joined with it; errors all along have nothing to do with either.",
        figure=figure,
        tables={"target_lives": lives, "target_errors": errors},
        is_timed=True,
        height=figure.layout.height,
    )


def draw_heat(scene: Scene) -> Chart | None:
    """Errors of each target in each bucket of time."""
    errors = scene.frame("target_errors")
    targets = _targets(errors)
    if not targets:
        return None
    buckets = scene.buckets()
    places = {moment: number for number, moment in enumerate(buckets)}
    counts: list[list[int | None]] = [[None] * len(buckets) for _ in targets]
    for row in errors.group_by("target_ip", "bucket_at").agg(pl.col("errors").sum()).iter_rows(named=True):
        place = places.get(row["bucket_at"])
        if place is not None:
            counts[targets.index(row["target_ip"])][place] = row["errors"]
    figure = go.Figure(
        go.Heatmap(
            x=[at(moment) for moment in buckets],
            y=[safe(target) for target in targets],
            z=counts,
            colorscale=[[0, "rgba(0,114,178,.4)"], *blue()[1:]],
            colorbar={
                "thickness": 10,
                "outlinewidth": 0,
                "nticks": 5,
                "tickformat": ",d",
                "title": {"text": "errors", "side": "right"},
            },
            hovertemplate="%{y}, %{x|%H:%M} UTC: %{z} errors<extra></extra>",
            xgap=0.5,
            ygap=2,
        )
    )
    _finish(figure, scene, targets)
    figure.update_yaxes(showgrid=False)
    return Chart(
        id="target-heat",
        title="Which target, which moment",
        note="One dark row is one bad target. One dark column is a bad moment for all of them: a shared "
        "cause, such as a pod behind NodePort, a dependency or the network.",
        figure=figure,
        tables={"target_errors": errors},
        is_timed=True,
        height=figure.layout.height,
    )


def _targets(errors: pl.DataFrame) -> list[str]:
    """Targets with most errors first; the query has them so."""
    return [str(one) for one in errors["target_ip"].unique(maintain_order=True)][:MOST_TARGETS]


def _draw_stay(figure: go.Figure, row: Row) -> None:
    ended = f"left: {row['left_reason'] or 'reason unknown'}" if row["left_known_by"] else "still there"
    lines = [
        f"<b>{safe(row['holder'])}</b>",
        f"{safe(row['kind'])} {safe(row['group_name'])}",
        f"{row['seen_from']:%H:%M:%S}–{row['seen_to']:%H:%M:%S} UTC, {safe(ended)}",
    ]
    figure.add_scatter(
        x=[at(row["seen_from"]), at(row["seen_to"])],
        y=[safe(row["target_ip"])] * 2,
        mode="lines",
        line={"width": 9 if row["kind"] == "node" else 4},
        meta="stay",
        showlegend=False,
        hovertext="<br>".join(lines),
        hoverinfo="text",
    )


def _draw_marks(figure: go.Figure, rows: pl.DataFrame, cause: str) -> None:
    if rows.is_empty():
        return
    marks = list(rows.iter_rows(named=True))
    figure.add_scatter(
        x=[at(row["bucket_at"]) for row in marks],
        y=[safe(row["target_ip"]) for row in marks],
        mode="markers",
        marker={
            "size": [5 + min(12, 2 * row["errors"] ** 0.5) for row in marks],
            "color": look(cause).hue,
            "line": {"width": 1, "color": "#ffffff"},
            "opacity": 0.9,
        },
        name=safe(cause),
        hovertext=[_mark_hover(row) for row in marks],
        hoverinfo="text",
        cliponaxis=False,
    )


def _mark_hover(row: Row) -> str:
    head = f"<b>{safe(row['cause'])}</b>  {row['bucket_at']:%H:%M} UTC"
    return f"{head}<br>{wording.plural(row['errors'], 'error')}"


def _finish(figure: go.Figure, scene: Scene, targets: list[str]) -> None:
    style(figure, max(_LEAST_PX, len(targets) * _ROW_PX + _MARGINS_PX), _LEFT_PX)
    figure.update_xaxes(range=[at(moment) for moment in scene.window])
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=[safe(target) for target in reversed(targets)],
    )
