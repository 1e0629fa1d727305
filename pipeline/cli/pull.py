"""The command that fills the lake: forensics pull."""

from datetime import UTC, datetime

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.asking import progress
from pipeline.cli.exits import INCOMPLETE
from pipeline.cli.output import counted, remark_on, remark_on_collections


def pull(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    engine: opt.EngineName = None,
    master: opt.Master = None,
    shared: opt.Shared = None,
    store: opt.Store = None,
    max_reject_share: opt.MaxRejectShare = None,
    columns: opt.Columns = None,
    redact: opt.Redact = None,
    quiet: opt.Quiet = False,
) -> None:
    """Read logs and timeline dumps into the lake; running it again adds nothing.

    \b
    Examples:
      forensics pull --lb shop --since 24h
      forensics pull --logs s3://my-logs/prefix --since 24h
      forensics pull --logs ./alb-logs --timeline ./dumps --store ./lake
      forensics pull --logs s3://my-logs/prefix --aws --since 24h
      forensics pull --logs s3://my-logs/prefix --redact truncate --store ./lake
    """
    from pipeline.usecases.pull import pull as pull_logs

    settings = config.load(
        store=store,
        max_reject_share=max_reject_share,
        columns=columns,
        redact=redact,
        engine=engine,
        master=master,
        shared=shared,
    )
    window = config.window(since, until, datetime.now(UTC))
    pulled = pull_logs(logs, timeline, window, lb, settings, progress(quiet=quiet), aws=bool(aws))
    remark_on(pulled.logs, pulled.problems, pulled.discovered)
    remark_on_collections(pulled.collections)
    typer.echo(
        f"{pulled.logs.ingested:,} objects read ({pulled.logs.already_known:,} known before), "
        f"{counted(pulled.logs)}; "
        f"{pulled.events:,} events; store {settings.store}"
    )
    if pulled.logs.problems or any(problem.is_loss for problem in pulled.problems):
        raise typer.Exit(INCOMPLETE)
