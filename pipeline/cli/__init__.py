"""The command line: options in, one use case, exit code out."""

import io
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import duckdb
import typer

from pipeline import __version__, config
from pipeline.cli import lake
from pipeline.cli import options as opt
from pipeline.cli.output import console, remark, remark_on, sink
from pipeline.cli.progress import PullProgress
from pipeline.errors import ForensicsError, UsageError
from pipeline.report import formats, story, terminal
from pipeline.report.summary import summarise
from pipeline.usecases.demo import demo as run_demo
from pipeline.usecases.explain import explain as explain_request
from pipeline.usecases.incident import Incident, Question, investigate
from pipeline.usecases.pull import pull as pull_logs

INCOMPLETE = 6
INTERRUPTED = 130

app = typer.Typer(
    name="forensics",
    help="Why did the load balancer answer 502 or 504? A cause for every request, and how sure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(lake.app)


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
            traceback.print_exc()
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
        typer.echo(f"forensics {__version__}")
        raise typer.Exit


@app.command()
def attribute(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    output_format: Annotated[opt.OutputFormat, typer.Option("--format", help="How to print.")] = "table",
    output: opt.Output = None,
    store: opt.Store = None,
    max_reject_share: opt.MaxRejectShare = None,
    quiet: opt.Quiet = False,
) -> None:
    """Attribute every 502 and 504 to a cause.

    \b
    Examples:
      forensics attribute --since 24h
      forensics attribute --logs ./alb-logs --timeline ./dumps
      forensics attribute --logs s3://my-logs/prefix --timeline ./dumps --since 6h --lb shop
      forensics attribute --logs ./alb-logs --format csv --output verdicts.csv
    """
    settings = config.load(store=store, max_reject_share=max_reject_share)
    question = _question(logs, timeline, since, until, lb)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        remark_on(incident.pulled, incident.problems)
        _print(incident, output_format, output)
        _exit(incident)


@app.command()
def pull(
    *,
    logs: Annotated[str, typer.Option(help="s3://bucket/prefix, a folder, a file, or - for standard input.")],
    timeline: opt.Timeline = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    store: opt.Store = None,
    max_reject_share: opt.MaxRejectShare = None,
    quiet: opt.Quiet = False,
) -> None:
    """Read logs and timeline dumps into the lake; running it again adds nothing.

    \b
    Examples:
      forensics pull --logs s3://my-logs/prefix --since 24h
      forensics pull --logs ./alb-logs --timeline ./dumps --store ./lake
    """
    settings = config.load(store=store, max_reject_share=max_reject_share)
    window = config.window(since, until, datetime.now(UTC))
    pulled = pull_logs(logs, timeline, window, lb, settings, _progress(quiet=quiet))
    remark_on(pulled.logs, pulled.problems)
    typer.echo(
        f"{pulled.logs.ingested:,} objects read ({pulled.logs.already_known:,} known before), "
        f"{pulled.logs.lines:,} lines = {pulled.logs.rows:,} requests + {pulled.logs.rejected:,} rejected; "
        f"{pulled.events:,} events; store {settings.store}"
    )
    if pulled.logs.problems or any(problem.is_loss for problem in pulled.problems):
        raise typer.Exit(INCOMPLETE)


@app.command()
def report(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    output: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("forensics-report.html"),
    store: opt.Store = None,
    max_reject_share: opt.MaxRejectShare = None,
    quiet: opt.Quiet = False,
) -> None:
    """Write one self-contained HTML page for an incident review.

    \b
    Examples:
      forensics report --since 24h --output reports/last-night.html
      forensics report --logs ./alb-logs --timeline ./dumps
    """
    settings = config.load(store=store, max_reject_share=max_reject_share)
    question = _question(logs, timeline, since, until, lb)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        remark_on(incident.pulled, incident.problems)
        _write_page(incident, output, title="Gateway errors" + (f" of {lb}" if lb else ""))
        typer.echo(str(output))
        _exit(incident)


@app.command()
def explain(
    wanted: Annotated[str, typer.Argument(metavar="REQUEST_ID|TRACE_ID", help="As in attribute's output.")],
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    store: opt.Store = None,
    quiet: opt.Quiet = False,
) -> None:
    """Show the evidence behind the verdict on one request.

    \b
    Examples:
      forensics explain 1-67891233-abcdef012345678912345678
      forensics explain 9065d49b265fc484 --logs ./alb-logs --timeline ./dumps
    """
    settings = config.load(store=store)
    question = _question(logs, timeline, since, until, lb)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        story.render(explain_request(incident, wanted), console())


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(help="A query; without one, read queries from standard input.")
    ] = None,
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    store: opt.Store = None,
    quiet: opt.Quiet = False,
) -> None:
    """Ask the tables in SQL (DuckDB): requests, attributions, gateway_errors, events, lifetimes, ...

    \b
    Examples:
      forensics sql "select cause, count(*) from attributions group by 1" --logs ./alb-logs
      forensics sql < questions.sql
    """
    settings = config.load(store=store)
    question = _question(logs, timeline, since, until, lb)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        if query is not None:
            _answer(incident, query)
        elif sys.stdin.isatty():
            _shell(incident)
        else:
            for statement in duckdb.extract_statements(sys.stdin.read()):
                _answer(incident, statement.query)


@app.command()
def demo(
    *,
    output: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("forensics-demo.html"),
) -> None:
    """Attribute the bundled incident, offline, and compare with its known truth.

    \b
    Examples:
      forensics demo
      forensics demo --output /tmp/demo.html
    """
    with run_demo(config.load()) as (incident, score):
        terminal.render(summarise(incident.engine), console())
        typer.echo()
        story.render_score(score.per_cause, score.accuracy, score.macro_f1, console())
        _write_page(incident, output, title="The bundled incident: a simulated day")
        typer.echo(f"\nReport: {output.resolve()}")


def _question(
    logs: str | None, timeline: Path | None, since: str | None, until: str | None, lb: str | None
) -> Question:
    return Question(logs, timeline, config.window(since, until, datetime.now(UTC)), lb)


def _progress(*, quiet: bool) -> PullProgress | None:
    return None if quiet else PullProgress()


def _print(incident: Incident, output_format: opt.OutputFormat, output: Path | None) -> None:
    summary = summarise(incident.engine)
    if output_format == "table" and output is None:
        terminal.render(summary, console())
        return
    with sink(output) as to:
        if output_format == "table":
            text = io.TextIOWrapper(to, encoding="utf-8", write_through=True)
            terminal.render(summary, console(text))
            text.detach()
        else:
            formats.write(incident.attributions, summary, output_format, to)


def _write_page(incident: Incident, path: Path, title: str) -> None:
    from pipeline.report import page  # noqa: PLC0415 - only who draws need wait for Plotly

    manifest = {
        "tool": f"forensics {__version__}",
        "requests": f"{incident.requests:,}",
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    page.write_page(incident.engine, summarise(incident.engine), path, title=title, manifest=manifest)


def _answer(incident: Incident, query: str) -> None:
    try:
        story.render_rows(incident.engine.ask(query), console())
    except duckdb.Error as problem:
        raise UsageError(f"sql: {problem}") from problem


def _shell(incident: Incident) -> None:
    remark("tables: requests attributions gateway_errors candidates events lifetimes settings; Ctrl-D ends")
    while True:
        try:
            query = input("forensics> ")
        except EOFError:
            return
        try:
            if query.strip():
                _answer(incident, query)
        except UsageError as problem:
            remark(str(problem))


def _exit(incident: Incident) -> None:
    if incident.is_incomplete:
        raise typer.Exit(INCOMPLETE)
