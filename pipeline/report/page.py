"""The incident as one HTML file that needs no network and trusts nothing it shows.

Every script and style of the page is named by its hash in the Content-Security-Policy, so text from a
log that found its way into markup could still not run. Plotly's bundle and the data lie compressed in the
page; the page's own scripts unpack them, and the bundle's hash is in the policy too.
"""

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from pipeline import queries
from pipeline.engine import Engine
from pipeline.report import evidence, safety, wording
from pipeline.report.audit import Finding
from pipeline.report.charts import Chart, drawn
from pipeline.report.colours import look
from pipeline.report.facts import CauseRow, Summary
from pipeline.report.keepalive import group_name
from pipeline.report.manifest import objects_read, rested_on
from pipeline.report.whole_file import whole_file

STATIC_ROWS = 200
"""Errors and events in the page's markup, for print and for readers without JavaScript; its data hold all."""

_FINDINGS = {
    "lifted": "errors follow the events",
    "common_driver": "both follow something else",
    "no_lift": "errors do not follow them",
    "always_near": "events never stop",
    "insufficient_data": "too few to tell",
}
"""What the verdict of a check says to a reader."""

_SCRIPTS = ("report.js", "charts.js", "evidence.js")
_RESERVED_STYLE = "/* rules come from Plotly */"
_BREAKS = re.compile(r"(?<=[A-Za-z][_/:])(?=[A-Za-z])")
_STYLE_IDS = re.compile(r'getElementById\("([0-9a-f]{40,64})"\)')


def write_page(
    engine: Engine,
    summary: Summary,
    path: Path,
    *,
    title: str,
    manifest: Mapping[str, str],
    findings: Sequence[Finding] = (),
) -> None:
    """Write the page; what was there before stays until the new one is complete.

    Args:
        engine: with the tables of the incident.
        summary: of the same tables.
        path: file to write; its folder is made if need be.
        title: heading and title of the page.
        manifest: what the numbers rest on, in the order to show.
        findings: settings that make errors, those that explain most first.

    Raises:
        StoreError: the file cannot be written.
    """
    page = render(engine, summary, title=title, manifest=manifest, findings=findings)
    with whole_file(path) as file:
        file.write(page.encode("utf-8", "backslashreplace"))


def render(
    engine: Engine,
    summary: Summary,
    *,
    title: str,
    manifest: Mapping[str, str],
    findings: Sequence[Finding] = (),
) -> str:
    """The page's text."""
    charts = drawn(engine, summary)
    objects = objects_read(engine)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            **_fixed(with_charts=bool(charts)),
            **_rows(engine, summary),
            title=title,
            summary=summary,
            manifest={**manifest, **rested_on(engine, objects)},
            charts=charts,
            findings=findings,
            statements={name: queries.read(f"report/{name}") for chart in charts for name in chart.tables},
            data=_data(engine, charts, objects) if charts else "",
        )
    )


def _data(engine: Engine, charts: Sequence[Chart], objects: pl.DataFrame) -> str:
    """Everything that the scripts show, packed."""
    causes = [str(name) for name in engine.table("causes")["id"]]
    tables = {name: rows for chart in charts for name, rows in chart.tables.items()} | {"objects": objects}
    data = {
        "charts": [
            {"id": chart.id, "timed": chart.is_timed, "figure": json.loads(chart.figure.to_json())}
            for chart in charts
        ],
        "csv": {name: evidence.csv_text(rows) for name, rows in tables.items()},
        "looks": {name: {"hue": look(name).hue, "hatched": bool(look(name).hatching)} for name in causes},
        **evidence.packed(engine),
    }
    return _packed(json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":")))


def _rows(engine: Engine, summary: Summary) -> dict[str, Any]:
    remedies = _remedies(summary)
    return {
        "span": wording.span(summary.window, "to") if summary.window else "",
        "peak": max((row.errors for row in summary.by_cause), default=1),
        "best": remedies[0] if remedies else None,
        "remedies": remedies,
        "efforts": {row["cause"]: row for row in summary.trust.remedies},
        "wordings": _wordings(engine),
        "errors": engine.frame("report/errors").head(STATIC_ROWS).rows(named=True),
        "events": engine.frame("report/events_near_errors", {"row_limit": STATIC_ROWS}).rows(named=True),
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


def _fixed(*, with_charts: bool) -> dict[str, object]:
    """What is the same in every page of this version, and the policy that admits only that."""
    style, plotly = _template("report.css"), get_plotlyjs() if with_charts else ""
    scripts = [_template(name) for name in _SCRIPTS] if with_charts else []
    return {
        "style": Markup(style),  # noqa: S704 - our own file
        "scripts": [Markup(script) for script in scripts],  # noqa: S704 - our own files
        "bundle": _bundle() if with_charts else "",
        "reserved_style": Markup(_RESERVED_STYLE),  # noqa: S704 - a constant
        "reserved_styles": _reserved_styles(plotly),
        "policy": _policy([*scripts, plotly] if with_charts else [], [style, _RESERVED_STYLE]),
    }


def _template(name: str) -> str:
    return (queries.template_folder() / name).read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    return _packed(get_plotlyjs())


def _packed(text: str) -> str:
    """Text as base64 of gzip; the same bytes for the same text."""
    return b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode()


def _reserved_styles(plotly: str) -> list[str]:
    """Ids under which Plotly looks for a style element before it makes one, which the policy would refuse."""
    return ["plotly.js-style-global", *sorted(set(_STYLE_IDS.findall(plotly)))] if plotly else []


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Content-Security-Policy: nothing from anywhere, and of what is here only these texts.

    Plotly writes ``style`` attributes into its own drawing, hence ``style-src-attr``.
    """
    script_hashes = " ".join(map(_hash, scripts)) or "'none'"
    style_hashes = " ".join(map(_hash, styles))
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {script_hashes}",
            f"style-src {style_hashes}",
            "style-src-attr 'unsafe-inline'",
            "img-src data: blob:",
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
        "placebo": wording.placebo,
        "group_name": group_name,
        "instant": wording.instant,
        "span": wording.span,
        "finding": _FINDINGS.__getitem__,
    }
    environment.globals |= {"look": look, "swatch": _swatch}
    return environment


def _swatch(cause: str) -> Markup:
    """A small square in the cause's colour, hatched where the chart is."""
    hatch = '<path d="M0 11L11 0" stroke="#fff" stroke-width="2.5"/>' if look(cause).hatching else ""
    square = f'<rect width="11" height="11" fill="{look(cause).hue}"/>{hatch}'
    return Markup(f'<svg class="swatch" viewBox="0 0 11 11" aria-hidden="true">{square}</svg>')  # noqa: S704 - constants
