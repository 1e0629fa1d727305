"""The command that shows the evidence of one verdict: forensics explain."""

from typing import Annotated

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.asking import progress, question
from pipeline.cli.output import console, sink


def explain(
    wanted: Annotated[str, typer.Argument(metavar="REQUEST_ID|TRACE_ID", help="As in attribute's output.")],
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
    keep_pages: opt.KeepPages = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    output_format: opt.Format = "table",
    store: opt.Store = None,
    quiet: opt.Quiet = False,
) -> None:
    """Show the evidence behind the verdict on one request, and how its probability adds up.

    \b
    Examples:
      forensics explain 1-67891233-abcdef012345678912345678
      forensics explain 9065d49b265fc484 --logs ./alb-logs --timeline ./dumps
    """
    from pipeline.report import story
    from pipeline.usecases.explain import explain as explain_request
    from pipeline.usecases.incident import investigate

    settings = config.load(store=store)
    asked = question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(asked, settings, progress(quiet=quiet)) as incident:
        told = explain_request(incident, wanted)
        if output_format == "json":
            with sink(None) as to:
                story.write_json(told, to)
        else:
            story.render(told, console())
