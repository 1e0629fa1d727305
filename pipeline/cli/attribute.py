"""The command that answers: forensics attribute."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.asking import progress, question, remark_on_inputs
from pipeline.cli.exits import FINDINGS, INCOMPLETE
from pipeline.cli.output import console, remark, sink, text_sink

if TYPE_CHECKING:
    from pipeline.report.facts import Summary
    from pipeline.usecases.incident import Incident


def attribute(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
    keep_pages: opt.KeepPages = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    output_format: opt.VerdictFormat = "table",
    output: opt.Output = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Also say what each timeline source is worth (slow).")
    ] = False,
    fail_on: opt.FailOn = None,
    engine: opt.EngineName = None,
    master: opt.Master = None,
    shared: opt.Shared = None,
    store: opt.Store = None,
    max_reject_share: opt.MaxRejectShare = None,
    quiet: opt.Quiet = False,
) -> None:
    """Attribute every 502 and 504 to a cause.

    \b
    Examples:
      forensics attribute --since 24h
      forensics attribute --lb shop --since 6h
      forensics attribute --logs ./alb-logs --timeline ./dumps
      forensics attribute --logs s3://my-logs/prefix --timeline ./dumps --since 6h --lb shop
      forensics attribute --logs s3://my-logs/prefix --aws --since 6h --keep-pages ./pages
      forensics attribute --logs ./alb-logs --format csv --output verdicts.csv
      forensics attribute --since 1h --fail-on 'scale_in>10' --fail-on 'errors>=100'
      forensics attribute --since 24h --engine spark --master spark://10.0.1.2:7077
    """
    from pipeline.report.summary import summarise
    from pipeline.usecases import thresholds
    from pipeline.usecases.ablation import ablate as leave_out_each
    from pipeline.usecases.incident import investigate

    too_many = thresholds.read(fail_on or [], "--fail-on")
    settings = config.load(
        store=store, max_reject_share=max_reject_share, engine=engine, master=master, shared=shared
    )
    asked = question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(asked, settings, progress(quiet=quiet)) as incident:
        remark_on_inputs(incident)
        summary = summarise(incident.engine)
        if ablate:
            worth = leave_out_each(incident, asked.window)
            summary = replace(summary, trust=replace(summary.trust, ablation=worth))
        _print(incident, summary, output_format, output)
        exceeded = [
            one.text for one in too_many if one.holds({row.cause: row.errors for row in summary.by_cause})
        ]
        if exceeded:
            remark(f"above --fail-on: {', '.join(exceeded)}")
            raise typer.Exit(FINDINGS)
        if incident.is_incomplete:
            raise typer.Exit(INCOMPLETE)


def _print(
    incident: "Incident", summary: "Summary", output_format: opt.VerdictFormat, output: Path | None
) -> None:
    from pipeline.report import formats, terminal

    if output_format != "table":
        with sink(output) as to:
            formats.write(incident.attributions, summary, output_format, to)
    elif output is None:
        terminal.render(summary, console())
    else:
        with text_sink(output) as text:
            terminal.render(summary, console(text))
