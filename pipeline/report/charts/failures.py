"""How it failed: classes against causes, and the load balancer's own nodes."""

import plotly.graph_objects as go
from scipy.special import gammainccinv, gammaincinv

from pipeline.report import wording
from pipeline.report.charts.base import Chart, Row, Scene, style
from pipeline.report.safety import chart as safe

_ROW_PX, _MARGINS_PX, _LEFT_PX = 34, 90, 150
_MOST_NODES = 16
_TAIL = 0.025


def draw_classes(scene: Scene) -> Chart:
    """What failed, from the line alone, against the verdict."""
    found = scene.frame("failure_classes")
    classes = [str(one) for one in found["failure_class"].unique(maintain_order=True)]
    causes = [row.cause for row in scene.summary.by_cause]
    counts: list[list[int | None]] = [[None] * len(causes) for _ in classes]
    for row in found.iter_rows(named=True):
        counts[classes.index(row["failure_class"])][causes.index(row["cause"])] = row["errors"]
    figure = go.Figure(
        go.Heatmap(
            x=[safe(cause) for cause in causes],
            y=[safe(one.replace("_", " ")) for one in classes],
            z=counts,
            text=[["" if n is None else wording.whole(n) for n in line] for line in counts],
            texttemplate="%{text}",
            colorscale=[[0, "rgba(0,114,178,.12)"], [1, "rgba(0,114,178,.75)"]],
            showscale=False,
            hovertemplate="%{y}, %{x}: %{z} errors<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    height = len(classes) * _ROW_PX + _MARGINS_PX
    style(figure, height, _LEFT_PX)
    # A name breaks at its underscores rather than to stand slanted.
    broken = [safe(cause).replace("_", "_<br>") for cause in causes]
    figure.update_xaxes(tickvals=list(range(len(causes))), ticktext=broken, automargin=True, showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return Chart(
        id="failure-classes",
        title="What failed, against why",
        note="Rows: how the request failed, as the log line alone tells. Columns: the cause it was given. "
        "A cause that fails in one way only is easy to believe.",
        figure=figure,
        tables={"failure_classes": found},
        height=height,
    )


def draw_balancer_nodes(scene: Scene) -> Chart | None:
    """Errors per million requests of each node of the load balancer."""
    found = scene.frame("balancer_nodes")
    rows = list(found.head(_MOST_NODES).iter_rows(named=True))
    if not rows:
        return None
    rates = [_per_million(row) for row in rows]
    figure = go.Figure(
        go.Bar(
            x=[rate for rate, _, _ in rates],
            y=[safe(row["elb_node_ip"]) for row in rows],
            orientation="h",
            marker={"color": "#0072b2", "line": {"width": 0}},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - rate for rate, _, high in rates],
                "arrayminus": [rate - low for rate, low, _ in rates],
                "thickness": 1.2,
                "width": 3,
            },
            hovertext=[
                f"<b>{safe(row['elb_node_ip'])}</b><br>{wording.plural(row['errors'], 'error')} in "
                f"{wording.plural(row['requests'], 'request')}"
                for row in rows
            ],
            hoverinfo="text",
        )
    )
    height = len(rows) * _ROW_PX + _MARGINS_PX
    style(figure, height, _LEFT_PX)
    figure.update_xaxes(title_text="errors per million requests", rangemode="tozero")
    figure.update_yaxes(type="category", autorange="reversed")
    return Chart(
        id="balancer-nodes",
        title="Which node of the load balancer",
        note="Thin lines: exact 95 % intervals. All alike: the fault lies with the targets. One far out: "
        "with that node of the load balancer, or its zone.",
        figure=figure,
        tables={"balancer_nodes": found},
        height=height,
    )


def _per_million(row: Row) -> tuple[float, float, float]:
    """Rate per million requests with its exact Poisson interval (Garwood)."""
    errors, requests = row["errors"], max(row["requests"], 1)
    low = 0.0 if not errors else float(gammaincinv(errors, _TAIL))
    high = float(gammainccinv(errors + 1, _TAIL))
    return errors / requests * 1e6, low / requests * 1e6, high / requests * 1e6
