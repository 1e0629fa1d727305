"""What every chart of the report shares: the scene that it draws, and what it hands to the page.

A chart is a module with ``draw(scene)``; the package lists them in the order of the page. Only results of
sql/report/ are drawn. Colours of text and grid are left to the page, which knows whether it is light or dark.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
import polars as pl

from pipeline.engine import Engine
from pipeline.report.facts import Summary
from pipeline.report.safety import chart as safe

BUCKETS = (1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440)
"""Widths of a bar that people read easily, minutes."""

MOST_BARS = 288
"""Bars along a time axis; the finest bucket that needs no more is taken."""

MOST_TARGETS = 24
"""Targets with a row of their own: those with most errors."""

_HOVER_COLUMNS = 64

Row = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """What is drawn: the incident's tables, its summary, and the grid of its time axis.

    Attributes:
        engine: with the tables of the incident.
        summary: of the same tables.
        window: first and last instant, UTC.
        width: minutes of a bucket.
    """

    engine: Engine
    summary: Summary
    window: tuple[datetime, datetime]
    width: int

    def frame(self, query: str) -> pl.DataFrame:
        """Rows of a query of sql/report/, with every value that one of them may ask for."""
        values: Mapping[str, object] = {
            "bucket_minutes": self.width,
            "first_at": self.window[0],
            "last_at": self.window[1],
            "row_limit": MOST_TARGETS,
        }
        return self.engine.frame(f"report/{query}", values)

    def buckets(self) -> list[datetime]:
        """Start of every bucket of the window, UTC; they count from 1970, as in the SQL."""
        step = timedelta(minutes=self.width)
        epoch = datetime(1970, 1, 1, tzinfo=self.window[0].tzinfo)
        first = epoch + (self.window[0] - epoch) // step * step
        return [first + number * step for number in range((self.window[1] - first) // step + 1)]


@dataclass(frozen=True)
class Chart:
    """One drawn chart.

    Attributes:
        id: element id in the page, and file name of its image.
        title: heading.
        note: how to read it, one or two sentences.
        figure: Plotly figure.
        tables: result of each query of sql/report/ behind it, by the query's name.
        is_timed: whether its horizontal axes are the incident's time; those zoom together.
        height: pixels.
    """

    id: str
    title: str
    note: str
    figure: go.Figure
    tables: Mapping[str, pl.DataFrame]
    is_timed: bool = False
    height: int = field(default=360)


def scene_of(engine: Engine, summary: Summary) -> Scene | None:
    """The scene of an incident; None when there is no error to draw."""
    if summary.window is None or not summary.by_cause:
        return None
    return Scene(engine, summary, summary.window, bucket_minutes(summary.window))


def bucket_minutes(window: tuple[datetime, datetime]) -> int:
    """Width of a bar for a window, in minutes."""
    span = (window[1] - window[0]) / timedelta(minutes=1)
    return next((width for width in BUCKETS if span / width <= MOST_BARS), BUCKETS[-1])


def style(figure: go.Figure, height: int, left: int = 64) -> None:
    """The look that all charts have in common; the page adds its ink."""
    figure.update_layout(
        template="none",
        hovermode="closest",
        height=height,
        margin={"l": left, "r": 16, "t": 8, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        hoverlabel={"align": "left"},
    )


def at(moment: datetime) -> str:
    """An instant as Plotly reads it."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def wrapped(text: str) -> list[str]:
    """A sentence as lines of a hover, harmless; at most four."""
    return [safe(line) for line in wrap(text, _HOVER_COLUMNS)[:4]]


def blue(shades: int = 2) -> list[list[object]]:
    """Colour scale from clear to blue: it reads on light and dark paper alike."""
    return [[step / (shades - 1), f"rgba(0,114,178,{step / (shades - 1):.2f})"] for step in range(shades)]
