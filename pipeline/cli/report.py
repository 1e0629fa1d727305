"""The command that writes the page: forensics report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.asking import progress, question, remark_on_inputs
from pipeline.cli.exits import INCOMPLETE

if TYPE_CHECKING:
    from pipeline.report.facts import Summary
    from pipeline.usecases.incident import Incident, Question


def report(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
    keep_pages: opt.KeepPages = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    output: opt.Page = Path("forensics-report.html"),
    images: Annotated[
        Path | None,
        typer.Option(help="Folder for PNG and SVG of every chart (needs forensics[images] and Chromium)."),
    ] = None,
    engine: opt.EngineName = None,
    master: opt.Master = None,
    shared: opt.Shared = None,
    store: opt.Store = None,
    max_reject_share: opt.MaxRejectShare = None,
    quiet: opt.Quiet = False,
) -> None:
    """Write one self-contained HTML page for an incident review.

    \b
    Examples:
      forensics report --since 24h --output reports/last-night.html
      forensics report --logs ./alb-logs --timeline ./dumps
      forensics report --logs ./alb-logs --timeline ./dumps --images ./charts
    """
    from pipeline.report.summary import summarise
    from pipeline.usecases.incident import investigate
    from pipeline.usecases.report import write_report

    if images is not None:
        _refuse_without_browser()
    settings = config.load(
        store=store, max_reject_share=max_reject_share, engine=engine, master=master, shared=shared
    )
    asked = question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(asked, settings, progress(quiet=quiet)) as incident:
        remark_on_inputs(incident)
        summary = summarise(incident.engine)
        title = "Gateway errors" + (f" of {lb}" if lb else "")
        parts = _parts(asked) | {"rejected lines tolerated": f"{settings.max_reject_share:.1%}"}
        write_report(incident, summary, output, title, parts)
        typer.echo(str(output))
        if images is not None:
            _write_images(incident, summary, images)
        if incident.is_incomplete:
            raise typer.Exit(INCOMPLETE)


def _parts(asked: "Question") -> dict[str, str]:
    """The question as it can be asked again: durations have become instants."""
    window = asked.window
    given = {
        "logs": asked.logs,
        "timeline": asked.timeline,
        "load balancer": asked.load_balancer,
        "since": window.since and window.since.isoformat(timespec="seconds"),
        "until": window.until and window.until.isoformat(timespec="seconds"),
    }
    return {name: str(value) for name, value in given.items() if value is not None}


def _refuse_without_browser() -> None:
    from pipeline.report.images import refuse_without_browser

    refuse_without_browser()


def _write_images(incident: "Incident", summary: "Summary", folder: Path) -> None:
    from pipeline.report import charts, images

    for path in images.write_images(charts.drawn(incident.engine, summary), folder):
        typer.echo(str(path))
