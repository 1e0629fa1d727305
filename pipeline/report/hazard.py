"""The hazard of a closed connection against the pause before it, as shapes for a small drawing in the page.

Bars are errors per thousand requests; pauses lie on a logarithmic axis, in bins that grow with them.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from pipeline.engine.duckdb import Engine
from pipeline.report.keepalive import group_name

WIDTH, HEIGHT = 640, 150
"""The drawing's own units; the page scales it."""

_SHORTEST_S = 0.1
_GROWTH = 1.12
_TICKS = (0.1, 1.0, 10.0, 100.0)
_MOST_FIGURES = 6


def figures(engine: Engine, estimates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One drawing per target group whose timeout is told: its name, bars, band, line and ticks."""
    hazards = engine.frame("report/keepalive_hazard")
    told = [row for row in estimates if row["verdict"] == "estimated"][:_MOST_FIGURES]
    return [
        _figure(row, hazards.filter(pl.col("target_group_arn") == row["target_group_arn"])) for row in told
    ]


def _figure(row: dict[str, Any], hazard: pl.DataFrame) -> dict[str, Any]:
    longest = max(float(row["high"]) * 2.0, float(row["idle_timeout_s"]) * 1.2, 2.0)
    place = _Axis(longest)
    bars = list(_bars(hazard, longest, place))
    peak = max((bar["per_thousand"] for bar in bars), default=0.0)
    for bar in bars:
        bar["height"] = round(HEIGHT * bar["per_thousand"] / peak, 1) if peak else 0.0
    return {
        "name": group_name(str(row["target_group_arn"])),
        "sentence": row["sentence"],
        "bars": bars,
        "peak": f"{peak:.3g}",
        "band": (place(float(row["low"])), place(float(row["high"]))),
        "balancer": place(float(row["idle_timeout_s"])),
        "ticks": [(place(tick), f"{tick:g} s") for tick in _TICKS if tick <= longest],
    }


class _Axis:
    """From a pause to its place on the drawing."""

    def __init__(self, longest_s: float) -> None:
        self._range = np.log(longest_s / _SHORTEST_S)

    def __call__(self, pause_s: float) -> float:
        share = np.log(max(pause_s, _SHORTEST_S) / _SHORTEST_S) / self._range
        return round(float(WIDTH * min(share, 1.0)), 1)


def _bars(hazard: pl.DataFrame, longest: float, place: _Axis) -> Iterator[dict[str, Any]]:
    steps = int(np.ceil(np.log(longest / _SHORTEST_S) / np.log(_GROWTH)))
    # Edges on whole tenths: the counts are by tenths.
    edges = np.unique(np.round(_SHORTEST_S * _GROWTH ** np.arange(steps + 1), 1))
    pauses = hazard["pause_s"].to_numpy()
    bins = np.searchsorted(edges, pauses + 1e-6, side="right") - 1
    for number in range(len(edges) - 1):
        inside = bins == number
        requests, errors = (
            int(hazard["requests"].to_numpy()[inside].sum()),
            int(hazard["errors"].to_numpy()[inside].sum()),
        )
        if errors:
            first, end = float(edges[number]), float(edges[number + 1])
            yield {
                "left": place(first),
                "width": round(max(place(end) - place(first), 2.0), 1),
                "per_thousand": 1000.0 * errors / max(requests, errors),
                "title": f"{first:g} to {end:g} s: {errors} of {requests:,} requests failed",
            }
