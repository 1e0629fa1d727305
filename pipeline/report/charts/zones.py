"""Whether an availability zone fails: of the load balancer's node, or of the target."""

import plotly.graph_objects as go
import polars as pl

from pipeline.report import wording
from pipeline.report.charts.base import Chart, Scene, style
from pipeline.report.safety import chart as safe

_ROW_PX, _MARGINS_PX, _LEFT_PX = 52, 90, 150
_UNKNOWN, _ALL = "zone unknown", "all zones"


def draw(scene: Scene) -> Chart | None:
    """Errors and their share for every pair of zones; None where no zone is known."""
    found = scene.frame("zones")
    if found["balancer_zone"].is_null().all() and found["target_zone"].is_null().all():
        return None
    counts = _with_totals(found)
    rows, columns = _names(counts["balancer_zone"]), _names(counts["target_zone"])
    cells = {(row["balancer_zone"], row["target_zone"]): row for row in counts.iter_rows(named=True)}
    grid = [[cells.get((row, column)) for column in columns] for row in rows]
    figure = go.Figure(
        go.Heatmap(
            x=[safe(column) for column in columns],
            y=[safe(row) for row in rows],
            z=[[cell and _share(cell["errors"], cell["requests"]) * 100 for cell in line] for line in grid],
            text=[[cell and _cell(cell["errors"], cell["requests"]) for cell in line] for line in grid],
            customdata=[
                [cell and wording.plural(cell["requests"], "request") for cell in line] for line in grid
            ],
            texttemplate="%{text}",
            zmin=0,
            zmax=100 * max(_share(row["errors"], row["requests"]) for row in counts.iter_rows(named=True))
            or 1,
            colorscale=[[0, "rgba(0,114,178,.06)"], [1, "rgba(0,114,178,.7)"]],
            showscale=False,
            hovertemplate="load balancer node in %{y}, target in %{x}:<br>%{customdata}<extra></extra>",
            hoverongaps=False,
            xgap=2,
            ygap=2,
        )
    )
    height = len(rows) * _ROW_PX + _MARGINS_PX
    style(figure, height, _LEFT_PX)
    _label(figure, rows, columns)
    figure.update_layout(margin={"t": 44, "b": 12})
    return Chart(
        id="zones",
        title="Which availability zone",
        note="Errors, and their share of the requests, from load balancer nodes in one zone (rows) to "
        "targets in another (columns). One dark column: that zone’s targets fail. One dark row: its load "
        "balancer node does, or the network behind it. All alike: zones have nothing to do with it.",
        figure=figure,
        tables={"zones": found},
        height=height,
    )


def _label(figure: go.Figure, rows: list[str], columns: list[str]) -> None:
    """The zones, and whose: a load balancer has nodes of its own, which are not those of Kubernetes."""
    figure.update_xaxes(
        type="category",
        side="top",
        showgrid=False,
        automargin=True,
        tickvals=list(range(len(columns))),
        ticktext=[f"target in<br>{safe(column)}" for column in columns],
    )
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        showgrid=False,
        tickvals=list(range(len(rows))),
        ticktext=[f"ALB node in<br>{safe(row)}" for row in rows],
    )


def _with_totals(found: pl.DataFrame) -> pl.DataFrame:
    """The pairs, and the sums over each zone's row and column; unknown zones get their name."""
    named = found.with_columns(pl.col("balancer_zone", "target_zone").fill_null(_UNKNOWN))
    parts = [named]
    if named["balancer_zone"].n_unique() > 1:
        parts.append(_summed(named, "balancer_zone", ["target_zone"]))
    if named["target_zone"].n_unique() > 1:
        parts += [_summed(part, "target_zone", ["balancer_zone"]) for part in list(parts)]
    return pl.concat(parts)


def _summed(rows: pl.DataFrame, over: str, by: list[str]) -> pl.DataFrame:
    sums = rows.group_by(by, maintain_order=True).agg(pl.col("requests", "errors").sum())
    return sums.with_columns(pl.lit(_ALL).alias(over)).select(rows.columns)


def _names(zones: pl.Series) -> list[str]:
    """Zones in their order, what is not known after them, the sum last."""
    known = sorted(set(zones) - {_UNKNOWN, _ALL})
    return [*known, *(name for name in (_UNKNOWN, _ALL) if name in set(zones))]


def _cell(errors: int, requests: int) -> str:
    return f"{_share(errors, requests):.2%}<br>{wording.plural(errors, 'error')}"


def _share(errors: int, requests: int) -> float:
    return errors / requests if requests else 0.0
