"""Every chart as PNG and SVG, for a post-mortem or a chat: light, on white paper, under its own title.

Kaleido draws them in a Chrome or Chromium of the machine, with the bundle of Plotly that the page has too.
The browser gets a proxy that nobody answers: it reaches no network, whatever it would like to fetch.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from pipeline.errors import StoreError, UsageError
from pipeline.report import colours
from pipeline.report.charts import Chart
from pipeline.report.safety import chart as safe
from pipeline.report.whole_file import whole_file

_WIDTH_PX, _TITLE_PX, _PNG_SCALE = 1200, 44, 2
_FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Noto Sans, DejaVu Sans, sans-serif"
_TIMEOUT_S = 90
_BROWSER: dict[str, Any] = {"mathjax": False, "proxy_server": "127.0.0.1:9", "timeout": _TIMEOUT_S}
"""MathJax would come from a network; port 9 discards."""


def refuse_without_browser() -> None:
    """Stop before the work when images cannot be drawn.

    Raises:
        UsageError: kaleido or a browser is missing.
    """
    try:
        from choreographer.browsers.chromium import Chromium  # noqa: PLC0415 - an extra
    except ImportError as problem:
        raise UsageError("--images needs kaleido: pip install 'forensics[images]'") from problem
    found = Chromium.find_browser(skip_local=False)
    if found is None or not Path(found).is_file():
        where = f"{found} of BROWSER_PATH does not exist; " if found else ""
        raise UsageError(
            f"--images needs Chrome or Chromium: {where}install one (Debian: apt-get install chromium), "
            "or name it in BROWSER_PATH"
        )


def write_images(charts: Sequence[Chart], folder: Path) -> list[Path]:
    """Write ``<id>.svg`` and ``<id>.png`` of every chart; an image appears only when it is whole.

    Args:
        charts: as the page shows them.
        folder: made if need be.

    Returns:
        The files written.

    Raises:
        UsageError: kaleido or a browser is missing.
        StoreError: the browser failed, or a file cannot be written.
    """
    refuse_without_browser()
    try:
        images = asyncio.run(_drawn(charts))
    except Exception as problem:  # kaleido's own errors share no root, and a browser can fail in many ways
        raise StoreError(f"the browser drew no image: {type(problem).__name__}: {problem}") from problem
    for name, content in images.items():
        with whole_file(folder / name) as file:
            file.write(content)
    return [folder / name for name in images]


async def _drawn(charts: Sequence[Chart]) -> dict[str, bytes]:
    """Images by file name."""
    from kaleido import Kaleido  # noqa: PLC0415 - an extra

    images: dict[str, bytes] = {}
    async with Kaleido(**_BROWSER) as browser:
        for chart in charts:
            figure = on_paper(chart)
            size = {"width": _WIDTH_PX, "height": figure.layout.height}
            for kind, scale in (("svg", 1), ("png", _PNG_SCALE)):
                options = {"format": kind, "scale": scale, **size}
                images[f"{chart.id}.{kind}"] = await browser.calc_fig(figure, opts=options)
    return images


def on_paper(chart: Chart) -> go.Figure:
    """The figure in the ink that the page gives it on paper, with its title."""
    figure = go.Figure(chart.figure)
    soft = {"color": colours.SOFT}
    top = (figure.layout.margin.t or 0) + _TITLE_PX
    figure.update_layout(
        height=chart.height + _TITLE_PX,
        margin={"t": top},
        paper_bgcolor=colours.PAPER,
        font={"family": _FONT, "size": 12.5, "color": colours.INK},
        legend={"yref": "container", "y": 1 - _TITLE_PX / (chart.height + _TITLE_PX), "yanchor": "top"},
        title={
            "text": f"<b>{safe(chart.title)}</b>",
            "font": {"size": 16},
            "x": 0,
            "xref": "paper",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 14},
        },
    )
    figure.update_xaxes(showgrid=False, ticks="outside", ticklen=4, showline=True)
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(
            gridcolor=colours.GRID,
            linecolor=colours.RULE,
            tickcolor=colours.RULE,
            zeroline=False,
            tickfont=soft,
        )
        update(title_font={**soft, "size": 12.5})
    figure.update_annotations(font={**soft, "size": 12})
    for meta, ink in (("ink", colours.SOFT), ("stay", colours.STAY)):
        figure.update_traces(line={"color": ink}, selector={"meta": meta})
    figure.update_traces(textfont={"color": colours.INK}, selector={"type": "heatmap"})
    return figure
