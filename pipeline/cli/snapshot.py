"""The command that keeps what AWS and Kubernetes forget: forensics snapshot."""

from typing import Annotated

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.exits import INCOMPLETE
from pipeline.cli.output import remark_on, remark_on_collections


def snapshot(
    *,
    lb: opt.LoadBalancer = None,
    aws: Annotated[bool, typer.Option("--aws/--no-aws", help="Ask AWS.")] = True,
    cluster: Annotated[
        bool | None,
        typer.Option("--cluster/--no-cluster", help="Ask Kubernetes; default: where it is configured."),
    ] = None,
    store: opt.Store = None,
    redact: opt.Redact = None,
) -> None:
    """Keep what AWS and Kubernetes forget: instances, addresses, pods, target health and settings.

    Once a day is enough for addresses and settings; `forensics watch` records pods between.

    \b
    Examples:
      forensics snapshot --store ./lake
      forensics snapshot --lb shop --no-cluster
    """
    from pipeline.usecases.snapshot import snapshot as take

    settings = config.load(store=store, redact=redact)
    kept = take(settings, lb, aws=aws, cluster=cluster)
    remark_on(None, kept.problems)
    remark_on_collections(kept.collections)
    listed = sum(one.objects for one in kept.cluster)
    typer.echo(f"{kept.events:,} events and {listed:,} Kubernetes objects kept in {kept.folder}")
    if kept.is_incomplete:
        raise typer.Exit(INCOMPLETE)
