"""How sure the verdicts are, and what that promises."""

import plotly.graph_objects as go

from pipeline.report import wording
from pipeline.report.charts.base import Chart, Scene, style

_HEIGHT_PX = 240


def draw(scene: Scene) -> Chart:
    """Verdicts by tenth of confidence."""
    found = scene.frame("confidences")
    verdicts = {row["tenth"]: row["verdicts"] for row in found.iter_rows(named=True)}
    total = sum(verdicts.values())
    wrong = total - float(found["expected_right"].sum())
    figure = go.Figure(
        go.Bar(
            x=[tenth * 10 + 5 for tenth in range(10)],
            y=[verdicts.get(tenth, 0) for tenth in range(10)],
            marker={"color": "#0072b2", "line": {"width": 0}},
            customdata=[f"{tenth * 10}–{tenth * 10 + 10} %" for tenth in range(10)],
            hovertemplate="%{customdata} sure: %{y} verdicts<extra></extra>",
        )
    )
    style(figure, _HEIGHT_PX)
    figure.update_layout(bargap=0.15)
    figure.update_xaxes(title_text="how sure, %", range=[0, 100], dtick=20)
    figure.update_yaxes(title_text="verdicts", rangemode="tozero")
    return Chart(
        id="confidence",
        title="How sure the verdicts are",
        note="Confidence is a probability: if it is as good here as on the simulated clusters that it is "
        f"checked on (docs/accuracy.md), about {_about(wrong)} of these {wording.plural(total, 'verdict')} "
        "are wrong.",
        figure=figure,
        tables={"confidences": found},
        height=_HEIGHT_PX,
    )


def _about(count: float) -> str:
    return wording.whole(count) if count >= 1 else "none"
