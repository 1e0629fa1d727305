"""The command line: options in, one use case, exit code out.

A command loads its use case when it runs: what only asks for help or the version waits for no library.
"""

import os
import sys
import traceback
from typing import Annotated

import typer

from pipeline.cli import lake
from pipeline.cli.attribute import attribute
from pipeline.cli.audit import audit
from pipeline.cli.demo import demo
from pipeline.cli.diff import diff
from pipeline.cli.doctor import doctor
from pipeline.cli.exits import INTERRUPTED
from pipeline.cli.explain import explain
from pipeline.cli.nightly import nightly
from pipeline.cli.output import remark
from pipeline.cli.pull import pull
from pipeline.cli.report import report
from pipeline.cli.settings import app as config_app
from pipeline.cli.snapshot import snapshot
from pipeline.cli.sql import sql
from pipeline.cli.watch import watch
from pipeline.errors import ForensicsError

app = typer.Typer(
    name="forensics",
    help="Why did the load balancer answer 502 or 504? A cause for every request, and how sure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(lake.app)
app.add_typer(config_app)
app.command()(watch)
app.command()(snapshot)
app.command()(doctor)
app.command()(nightly)
app.command()(attribute)
app.command()(pull)
app.command()(report)
app.command()(explain)
app.command()(diff)
app.command()(audit)
app.command()(sql)
app.command()(demo)


def main() -> None:
    """Entry point: every known error becomes a sentence and its exit code."""
    try:
        app(prog_name="forensics")
    except ForensicsError as problem:
        remark(f"forensics: {problem}")
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        remark("forensics: interrupted; what was committed stays, run again to go on")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as problem:  # noqa: BLE001 - the last resort: a defect, but never a page of traceback
        if os.environ.get("FORENSICS_DEBUG"):
            for line in traceback.format_exc().splitlines():
                remark(line)
        remark(
            f"forensics: defect: {type(problem).__name__}: {problem}; "
            "FORENSICS_DEBUG=1 shows where, please report it"
        )
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _version(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from pipeline import __version__

        typer.echo(f"forensics {__version__}")
        raise typer.Exit
