"""The charts of the report, in the order of the page."""

from collections.abc import Callable

from pipeline.engine import Engine
from pipeline.report.charts import (
    confidence,
    failures,
    keepalive,
    lags,
    latency,
    over_time,
    targets,
    zones,
)
from pipeline.report.charts.base import Chart, Scene, scene_of
from pipeline.report.facts import Summary

__all__ = ["Chart", "drawn"]

_DRAWERS: tuple[Callable[[Scene], Chart | None], ...] = (
    over_time.draw,
    targets.draw_lives,
    targets.draw_heat,
    latency.draw,
    failures.draw_classes,
    failures.draw_balancer_nodes,
    zones.draw,
    lags.draw,
    keepalive.draw,
    confidence.draw,
)


def drawn(engine: Engine, summary: Summary) -> list[Chart]:
    """Every chart that has something to show.

    Args:
        engine: with the tables of the incident.
        summary: of the same tables.
    """
    scene = scene_of(engine, summary)
    if scene is None:
        return []
    return [chart for draw in _DRAWERS if (chart := draw(scene)) is not None]
