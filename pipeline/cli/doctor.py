"""The command that says what can be seen from here: forensics doctor."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.exits import INCOMPLETE
from pipeline.cli.output import console, sink


def doctor(
    *,
    logs: opt.Logs = None,
    timeline: Annotated[
        Path | None, typer.Option(help="Folder of dumps to judge instead of the store's timeline.")
    ] = None,
    lb: opt.LoadBalancer = None,
    aws: Annotated[bool, typer.Option("--aws/--no-aws", help="Ask AWS what it allows.")] = False,
    cluster: Annotated[
        bool, typer.Option("--cluster/--no-cluster", help="Ask Kubernetes what it allows.")
    ] = False,
    output_format: opt.Format = "table",
    store: opt.Store = None,
) -> None:
    """What can be seen from here, which permission is missing, and what that costs.

    Exit code 6 when something is missing.

    \b
    Examples:
      forensics doctor --lb shop --aws --cluster
      forensics doctor --logs s3://my-logs/prefix --timeline ./dumps
    """
    from pipeline.report import diagnosis
    from pipeline.usecases.doctor import doctor as examine

    settings = config.load(store=store)
    found = examine(settings, logs=logs, timeline=timeline, load_balancer=lb, aws=aws, cluster=cluster)
    if output_format == "json":
        with sink(None) as to:
            diagnosis.write_json(found, to)
    else:
        diagnosis.render(found, console())
    if not found.is_well:
        raise typer.Exit(INCOMPLETE)
