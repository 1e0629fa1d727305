"""The commands that look after the store: forensics lake check, compact, expire."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.output import remark
from pipeline.errors import UsageError
from pipeline.report.safety import visible

app = typer.Typer(
    name="lake",
    help="Look after the store: verify it, put small files together, let old hours go.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def check(*, store: opt.Store = None) -> None:
    """Verify every file, its bytes and the lines of every object against the ledger; exit code 1 on findings.

    Examples: forensics lake check --store ./lake
    """
    from pipeline.usecases import lake as usecases

    report = usecases.check(config.load(store=store))
    for finding in report.findings:
        typer.echo(visible(finding))
    typer.echo(
        f"{report.files:,} files and {report.objects:,} objects checked: {report.rows:,} requests, "
        + (f"{report.connections:,} connections, " if report.connections else "")
        + (f"{report.health_checks:,} health checks, " if report.health_checks else "")
        + f"{report.rejected:,} rejected lines, "
        + (f"{len(report.findings):,} findings" if report.findings else "all as written")
    )
    if report.unchecked:
        remark(
            f"{report.unchecked:,} files are from before checksums were kept; only their rows were counted"
        )
    if report.damaged:
        remark("forensics lake repair forgets the objects in damaged files; the next pull reads them again")
    if report.findings:
        raise typer.Exit(1)


@app.command()
def repair(*, store: opt.Store = None) -> None:
    """Forget every object with rows in a damaged file, so that the next pull reads it again.

    Examples: forensics lake repair --store ./lake
    """
    from pipeline.usecases import lake as usecases

    keys = usecases.repair(config.load(store=store))
    for key in keys:
        typer.echo(visible(key))
    remark(
        f"{len(keys):,} objects forgotten; forensics pull reads them again" if keys else "nothing is damaged"
    )


@app.command()
def compact(
    *,
    store: opt.Store = None,
    min_files: Annotated[
        int, typer.Option(min=2, help="Hours of a load balancer with fewer files are left alone.")
    ] = 4,
) -> None:
    """Merge the small files of finished hours, sorted by time; safe while others read.

    Examples: forensics lake compact --store ./lake
    """
    from pipeline.usecases import lake as usecases

    done = usecases.compact(config.load(store=store), min_files)
    for problem in done.problems:
        remark(problem)
    typer.echo(
        f"{done.files_before:,} files became {done.files_after:,} ({done.rows:,} rows, "
        f"{done.bytes_before / 1e6:,.1f} MB became {done.bytes_after / 1e6:,.1f} MB)"
    )
    if done.problems:
        raise typer.Exit(1)


@app.command()
def expire(
    *,
    older_than: Annotated[str, typer.Option(help="Age (90d, 12w) or RFC 3339: hours before it are dropped.")],
    store: opt.Store = None,
) -> None:
    """Drop old hours for good; their objects stay known and are not read again.

    Examples: forensics lake expire --older-than 90d
    """
    from pipeline.usecases import lake as usecases

    before = config.window(older_than, None, datetime.now(UTC)).since
    if before is None:
        raise UsageError("--older-than is empty; give an age such as 90d")
    done = usecases.expire(config.load(store=store), before)
    typer.echo(
        f"{done.files:,} files dropped: {done.rows:,} requests and {done.rejected:,} rejected lines "
        + (f"and {done.others:,} connections and health checks " if done.others else "")
        + f"from before {before:%Y-%m-%d %H:00} UTC"
    )
