"""How long targets took while errors came."""

import plotly.graph_objects as go

from pipeline.report.charts.base import Chart, Scene, at, style

_HEIGHT_PX = 280
_LINES = (
    ("median_s", "half answer within", "solid"),
    ("p95_s", "95 % answer within", "dash"),
    ("p99_dispatch_s", "99 % dispatched within", "dot"),
)


def draw(scene: Scene) -> Chart | None:
    """Quantiles of the answers of the targets that had errors."""
    seen = scene.frame("latency_over_time")
    if seen.is_empty():
        return None
    figure = go.Figure()
    moments = [at(moment) for moment in seen["bucket_at"]]
    for column, name, dash in _LINES:
        # The log counts whole milliseconds: what is 0 took less than one.
        values = [max(value or 0.0, 0.0005) for value in seen[column]]
        figure.add_scatter(
            x=moments,
            y=values,
            mode="lines",
            name=name,
            line={"width": 1.6, "dash": dash},
            meta="ink",
            hovertemplate=f"%{{x|%H:%M}} UTC: {name} %{{y:.3f}} s<extra></extra>",
        )
    style(figure, _HEIGHT_PX)
    figure.update_xaxes(range=[at(moment) for moment in scene.window])
    figure.update_yaxes(type="log", dtick=1, title_text="seconds", exponentformat="none")
    return Chart(
        id="latency",
        title="How long targets took meanwhile",
        note="Answered requests to the targets that had errors. A rise before the errors speaks of overload; "
        "connects of 1, 3 or 7 s show as a rise of the dispatch line; a calm picture speaks of cuts and "
        "losses.",
        figure=figure,
        tables={"latency_over_time": seen},
        is_timed=True,
        height=_HEIGHT_PX,
    )
