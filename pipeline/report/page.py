"""The incident as one HTML file that needs no network and trusts nothing it shows.

Every script and style of the page is named by its hash in the Content-Security-Policy, so text from a
log that found its way into markup could still not run. Plotly's bundle lies compressed in the page;
the page's own script unpacks and starts it, and its hash is in the policy too.
"""

import gzip
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped] # plotly ships no types

from pipeline import queries
from pipeline.engine.duckdb import Engine
from pipeline.report import figures, hazard, safety, wording
from pipeline.report.colours import look
from pipeline.report.facts import CauseRow, Summary
from pipeline.report.keepalive import group_name
from pipeline.report.whole_file import whole_file

MOST_ROWS = 2_000
"""Errors listed in the page."""

_RESERVED_STYLE = "/* rules come from Plotly */"
_BREAKS = re.compile(r"(?<=[a-z][._/])(?=[a-z])")
_STYLE_IDS = re.compile(r'getElementById\("([0-9a-f]{40,64})"\)')


def write_page(
    engine: Engine, summary: Summary, path: Path, *, title: str, manifest: Mapping[str, str]
) -> None:
    """Write the page; what was there before stays until the new one is complete.

    Args:
        engine: with the tables of the incident.
        summary: of the same tables.
        path: file to write; its folder is made if need be.
        title: heading and title of the page.
        manifest: what the numbers rest on, in the order to show.

    Raises:
        StoreError: the file cannot be written.
    """
    page = render(engine, summary, title=title, manifest=manifest)
    with whole_file(path) as file:
        file.write(page.encode("utf-8", "backslashreplace"))


def render(engine: Engine, summary: Summary, *, title: str, manifest: Mapping[str, str]) -> str:
    """The page's text."""
    chart = figures.main_chart(engine, summary)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            **_fixed(with_chart=bool(chart)),
            **_rows(engine, summary),
            title=title,
            summary=summary,
            manifest=manifest,
            chart=Markup(safety.seal_json(chart)),  # noqa: S704 - sealed: holds no <, > or &
        )
    )


def _rows(engine: Engine, summary: Summary) -> dict[str, Any]:
    remedies = _remedies(summary)
    return {
        "span": wording.span(summary.window, "to") if summary.window else "",
        "peak": max((row.errors for row in summary.by_cause), default=1),
        "best": remedies[0] if remedies else None,
        "remedies": remedies,
        "wordings": _wordings(engine),
        "hazards": hazard.figures(engine, summary.trust.keepalive),
        "errors": engine.frame("report/errors", {"row_limit": MOST_ROWS}).rows(named=True),
        "coverage": engine.frame("report/coverage").rows(named=True),
    }


def _remedies(summary: Summary) -> list[CauseRow]:
    return sorted((row for row in summary.by_cause if row.is_decided), key=lambda row: -row.expected_errors)


def _wordings(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every wording of a cause's remedy: a setting can differ from one target group to the next."""
    wordings: dict[str, list[dict[str, Any]]] = {}
    for row in engine.frame("report/remedies").iter_rows(named=True):
        wordings.setdefault(row["cause"], []).append(row)
    return wordings


def _fixed(*, with_chart: bool) -> dict[str, object]:
    """What is the same in every page of this version, and the policy that admits only that."""
    style, script, plotly = (
        _template("report.css"),
        _template("report.js"),
        get_plotlyjs() if with_chart else "",
    )
    scripts = [script, plotly] if with_chart else [script]
    return {
        "style": Markup(style),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
        "bundle": _packed(plotly) if with_chart else "",
        "reserved_style": Markup(_RESERVED_STYLE),  # noqa: S704 - a constant
        "reserved_styles": _reserved_styles(plotly),
        "policy": _policy(scripts, [style, _RESERVED_STYLE]),
    }


def _template(name: str) -> str:
    return (queries.template_folder() / name).read_text(encoding="utf-8")


@cache
def _packed(bundle: str) -> str:
    """The bundle as base64 of gzip; the same bytes for the same bundle."""
    return b64encode(gzip.compress(bundle.encode(), compresslevel=9, mtime=0)).decode()


def _reserved_styles(plotly: str) -> list[str]:
    """Ids under which Plotly looks for a style element before it makes one, which the policy would refuse."""
    return ["plotly.js-style-global", *sorted(set(_STYLE_IDS.findall(plotly)))] if plotly else []


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Content-Security-Policy: nothing from anywhere, and of what is here only these texts.

    Plotly writes ``style`` attributes into its own drawing, hence ``style-src-attr``.
    """
    style_hashes = " ".join(map(_hash, styles))
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {style_hashes}",
            "style-src-attr 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(queries.template_folder()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": lambda value: safety.visible(str(value)),
        "breakable": lambda text: Markup("<wbr>").join(_BREAKS.split(text)),
        "tail": lambda key: key.rsplit("/", 1)[-1],
        "whole": wording.whole,
        "percent": wording.percent,
        "bounds": wording.bounds,
        "ratio": wording.ratio,
        "chance": wording.chance,
        "group_name": group_name,
    }
    environment.globals |= {"look": look, "swatch": _swatch}
    return environment


def _swatch(cause: str) -> Markup:
    """A small square in the cause's colour, hatched where the chart is."""
    hatch = '<path d="M0 11L11 0" stroke="#fff" stroke-width="2.5"/>' if look(cause).hatching else ""
    square = f'<rect width="11" height="11" fill="{look(cause).hue}"/>{hatch}'
    return Markup(f'<svg class="swatch" viewBox="0 0 11 11" aria-hidden="true">{square}</svg>')  # noqa: S704 - constants
