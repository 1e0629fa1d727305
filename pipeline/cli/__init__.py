"""The command line: options in, one use case, exit code out.

A command loads its use case when it runs: what only asks for help or the version waits for no library.
"""

import io
import os
import sys
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import config
from pipeline.cli import compare, lake
from pipeline.cli import options as opt
from pipeline.cli.doctor import doctor
from pipeline.cli.output import console, counted, remark, remark_on, remark_on_collection, sink
from pipeline.cli.settings import app as config_app
from pipeline.cli.snapshot import snapshot
from pipeline.cli.watch import watch
from pipeline.errors import ForensicsError, UsageError

if TYPE_CHECKING:
    from pipeline.cli.progress import PullProgress
    from pipeline.report.facts import Summary
    from pipeline.usecases.incident import Incident, Question

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
app.add_typer(config_app)
app.command()(watch)
app.command()(snapshot)
app.command()(doctor)


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
        from pipeline import __version__

        typer.echo(f"forensics {__version__}")
        raise typer.Exit


@app.command()
def attribute(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
    keep_pages: opt.KeepPages = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    output_format: Annotated[opt.OutputFormat, typer.Option("--format", help="How to print.")] = "table",
    output: opt.Output = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Also say what each timeline source is worth (slow).")
    ] = False,
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
    """
    from pipeline.report.summary import summarise
    from pipeline.usecases.ablation import ablate as leave_out_each
    from pipeline.usecases.incident import investigate

    settings = config.load(store=store, max_reject_share=max_reject_share)
    question = _question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        remark_on(incident.pulled, incident.problems, incident.discovered)
        remark_on_collection(incident.collection)
        summary = summarise(incident.engine)
        if ablate:
            worth = leave_out_each(incident, question.window)
            summary = replace(summary, trust=replace(summary.trust, ablation=worth))
        _print(incident, summary, output_format, output)
        _exit(incident)


@app.command()
def pull(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
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
      forensics pull --lb shop --since 24h
      forensics pull --logs s3://my-logs/prefix --since 24h
      forensics pull --logs ./alb-logs --timeline ./dumps --store ./lake
      forensics pull --logs s3://my-logs/prefix --aws --since 24h
    """
    from pipeline.usecases.pull import pull as pull_logs

    settings = config.load(store=store, max_reject_share=max_reject_share)
    window = config.window(since, until, datetime.now(UTC))
    pulled = pull_logs(logs, timeline, window, lb, settings, _progress(quiet=quiet), aws=bool(aws))
    remark_on(pulled.logs, pulled.problems, pulled.discovered)
    remark_on_collection(pulled.collection)
    typer.echo(
        f"{pulled.logs.ingested:,} objects read ({pulled.logs.already_known:,} known before), "
        f"{counted(pulled.logs)}; "
        f"{pulled.events:,} events; store {settings.store}"
    )
    if pulled.logs.problems or any(problem.is_loss for problem in pulled.problems):
        raise typer.Exit(INCOMPLETE)


@app.command()
def report(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
    keep_pages: opt.KeepPages = None,
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
    from pipeline.usecases.incident import investigate

    settings = config.load(store=store, max_reject_share=max_reject_share)
    question = _question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        remark_on(incident.pulled, incident.problems, incident.discovered)
        remark_on_collection(incident.collection)
        _write_page(incident, output, title="Gateway errors" + (f" of {lb}" if lb else ""))
        typer.echo(str(output))
        _exit(incident)


@app.command()
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
    output_format: Annotated[opt.StoryFormat, typer.Option("--format", help="How to print.")] = "table",
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
    question = _question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        told = explain_request(incident, wanted)
        if output_format == "json":
            with sink(None) as to:
                story.write_json(told, to)
        else:
            story.render(told, console())


app.command()(compare.diff)


@app.command()
def audit(
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
    keep_pages: opt.KeepPages = None,
    since: opt.Since = None,
    until: opt.Until = None,
    lb: opt.LoadBalancer = None,
    output_format: Annotated[opt.AuditFormat, typer.Option("--format", help="How to print.")] = "table",
    output: opt.Output = None,
    store: opt.Store = None,
    quiet: opt.Quiet = False,
) -> None:
    """Hold the settings against the damage: which of them make errors, and what to set instead.

    \b
    Examples:
      forensics audit --since 7d
      forensics audit --logs ./alb-logs --timeline ./dumps --format sarif --output audit.sarif
    """
    from pipeline.report import audit as findings
    from pipeline.usecases.audit import as_sarif
    from pipeline.usecases.audit import audit as audit_settings
    from pipeline.usecases.incident import investigate

    settings = config.load(store=store)
    question = _question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        remark_on(incident.pulled, incident.problems, incident.discovered)
        remark_on_collection(incident.collection)
        found = audit_settings(incident)
        if output_format == "table" and output is None:
            findings.render(found, console())
            return
        with sink(output) as to:
            text = io.TextIOWrapper(to, encoding="utf-8", write_through=True)
            if output_format == "table":
                findings.render(found, console(text))
            else:
                text.write(findings.as_json(found) if output_format == "json" else as_sarif(found))
                text.write("\n")
            text.detach()


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(help="A query; without one, read queries from standard input.")
    ] = None,
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    aws: opt.Aws = None,
    keep_pages: opt.KeepPages = None,
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
    import duckdb

    from pipeline.usecases.incident import investigate

    settings = config.load(store=store)
    question = _question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
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
    from pipeline.report import rows, terminal
    from pipeline.report.summary import summarise
    from pipeline.usecases.demo import demo as run_demo

    with run_demo(config.load()) as (incident, score):
        terminal.render(summarise(incident.engine), console())
        typer.echo()
        rows.render_score(score.per_cause, score.accuracy, score.macro_f1, console())
        _write_page(incident, output, title="The bundled incident: a simulated day")
        typer.echo(f"\nReport: {output.resolve()}")


def _question(
    logs: str | None,
    timeline: Path | None,
    since: str | None,
    until: str | None,
    lb: str | None,
    *,
    aws: bool | None,
    keep_pages: Path | None,
) -> "Question":
    from pipeline.usecases.incident import Question

    if keep_pages is not None and aws is None:
        aws = True
    return Question(logs, timeline, config.window(since, until, datetime.now(UTC)), lb, aws, keep_pages)


def _progress(*, quiet: bool) -> "PullProgress | None":
    from pipeline.cli.progress import PullProgress

    return None if quiet else PullProgress()


def _print(
    incident: "Incident", summary: "Summary", output_format: opt.OutputFormat, output: Path | None
) -> None:
    from pipeline.report import formats, terminal

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


def _write_page(incident: "Incident", path: Path, title: str) -> None:
    from pipeline import __version__
    from pipeline.report import page
    from pipeline.report.summary import summarise
    from pipeline.usecases.audit import audit as audit_settings

    manifest = {
        "tool": f"forensics {__version__}",
        "requests": f"{incident.requests:,}",
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    page.write_page(
        incident.engine,
        summarise(incident.engine),
        path,
        title=title,
        manifest=manifest,
        findings=audit_settings(incident),
    )


def _answer(incident: "Incident", query: str) -> None:
    import duckdb

    from pipeline.report import rows

    try:
        rows.render_rows(incident.engine.ask(query), console())
    except duckdb.Error as problem:
        raise UsageError(f"sql: {problem}") from problem


def _shell(incident: "Incident") -> None:
    remark(
        "tables: requests attributions gateway_errors candidates events lifetimes settings checks "
        "keepalive_estimates; Ctrl-D ends"
    )
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


def _exit(incident: "Incident") -> None:
    if incident.is_incomplete:
        raise typer.Exit(INCOMPLETE)
