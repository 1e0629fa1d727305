"""The command that runs by itself every night: forensics nightly."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.output import console, sink
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.usecases.nightly import Order

LogFormat = Literal["auto", "text", "json"]
_Logs = Annotated[str | None, typer.Option(help="ALB access logs: s3://bucket/prefix or a folder.")]
_LoadBalancers = Annotated[
    list[str] | None,
    typer.Option("--lb", help="Load balancer: name or ARN; again for more. Without --logs, it is asked."),
]
_Timeline = Annotated[Path | None, typer.Option(help="Folder of dumps, read every night.")]
_Aws = Annotated[bool | None, typer.Option("--aws/--no-aws", help="Ask AWS for the timeline.")]
_Since = Annotated[str | None, typer.Option(help="First day (YYYY-MM-DD, UTC) to answer if it is missing.")]
_Again = Annotated[list[str] | None, typer.Option(help="Day to answer and report anew; again for more.")]
_AsOf = Annotated[
    str | None, typer.Option(help="Run as at this instant (RFC 3339); AWS and Kubernetes are not asked then.")
]
_LogFormat = Annotated[
    LogFormat, typer.Option(help="Progress on standard error; auto: text on a terminal, else JSON lines.")
]
_Format = Annotated[opt.TableOrJson, typer.Option("--format", help="Summary on standard output.")]


def nightly(
    *,
    logs: _Logs = None,
    lb: _LoadBalancers = None,
    timeline: _Timeline = None,
    aws: _Aws = None,
    since: _Since = None,
    again: _Again = None,
    as_of: _AsOf = None,
    fail_on: opt.FailOn = None,
    log_format: _LogFormat = "auto",
    output_format: _Format = "table",
    store: opt.Store = None,
    max_reject_share: opt.MaxRejectShare = None,
    quiet: opt.Quiet = False,
) -> None:
    """Pull, attribute, report and notify for every day (UTC) that is missing; run again, do what is left.

    Set it up in the table [nightly] of forensics.toml (docs/operations.md). Exit codes: 0 done or nothing to
    do, 3 a day is above --fail-on, 4 source unreachable, 5 too many rejected lines, 6 evidence incomplete,
    7 a notification or metrics did not arrive; the next run makes up for what failed.

    \b
    Examples:
      forensics nightly
      forensics nightly --logs s3://my-logs/prefix --lb shop --fail-on 'scale_in>10'
      forensics nightly --since 2026-03-01 --log-format json
    """
    from pipeline.cli.nightly_output import listener, render
    from pipeline.usecases.nightly import nightly as run

    given = {"logs": logs, "load_balancers": lb, "timeline": timeline, "aws": aws, "fail_on": fail_on}
    flags = {name: value for name, value in given.items() if value is not None}
    settings = config.load(store=store, max_reject_share=max_reject_share, nightly=flags or None)
    with listener(log_format, quiet=quiet) as told:
        done = run(settings, _order(as_of, since, again or []), told)
    if output_format == "json":
        with sink(None) as to:
            to.write(done.model_dump_json().encode() + b"\n")
    else:
        render(done, console())
    sys.stdout.flush()
    raise typer.Exit(done.exit_code)


def _order(as_of: str | None, since: str | None, again: list[str]) -> "Order":
    from pipeline.usecases.nightly import Order

    now = datetime.now(UTC)
    at = config.window(None, as_of, now).until or now
    first = _day(since, "--since") if since is not None else None
    return Order(at, as_of is not None, first, tuple(_day(text, "--again") for text in again))


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: give a day such as 2026-03-02") from None
