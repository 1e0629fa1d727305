"""The command line: options in, one use case, exit code out.

A command loads its use case when it runs: what only asks for help or the version waits for no library.
"""

import io
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import config
from pipeline.cli import compare, lake
from pipeline.cli import options as opt
from pipeline.cli.doctor import doctor
from pipeline.cli.nightly import nightly
from pipeline.cli.output import console, counted, remark, remark_on, remark_on_collections, sink
from pipeline.cli.settings import app as config_app
from pipeline.cli.snapshot import snapshot
from pipeline.cli.watch import watch
from pipeline.errors import ForensicsError, UsageError

if TYPE_CHECKING:
    from pipeline.cli.progress import PullProgress
    from pipeline.report.facts import Summary
    from pipeline.usecases.incident import Incident, Question

FINDINGS = 3
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
app.command()(nightly)


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
    question = _question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        remark_on(incident.pulled, incident.problems, incident.discovered)
        remark_on_collections(incident.collections)
        summary = summarise(incident.engine)
        if ablate:
            worth = leave_out_each(incident, question.window)
            summary = replace(summary, trust=replace(summary.trust, ablation=worth))
        _print(incident, summary, output_format, output)
        exceeded = [
            one.text for one in too_many if one.holds({row.cause: row.errors for row in summary.by_cause})
        ]
        if exceeded:
            remark(f"above --fail-on: {', '.join(exceeded)}")
            raise typer.Exit(FINDINGS)
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
    pulled = pull_logs(logs, timeline, window, lb, settings, _progress(quiet=quiet), aws=bool(aws))
    remark_on(pulled.logs, pulled.problems, pulled.discovered)
    remark_on_collections(pulled.collections)
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
    images: Annotated[
        Path | None,
        typer.Option(help="Folder for PNG and SVG of every chart (needs forensics[images] and Chromium)."),
    ] = None,
    engine: opt.EngineName = None,
    master: opt.Master = None,
    shared: opt.Shared = None,
    store: opt.Store = None,
    max_reject_share: opt.MaxRejectShare = None,
    quiet: opt.Quiet = False,
) -> None:
    """Write one self-contained HTML page for an incident review.

    \b
    Examples:
      forensics report --since 24h --output reports/last-night.html
      forensics report --logs ./alb-logs --timeline ./dumps
      forensics report --logs ./alb-logs --timeline ./dumps --images ./charts
    """
    from pipeline.usecases.incident import investigate

    if images is not None:
        _refuse_without_browser()
    settings = config.load(
        store=store, max_reject_share=max_reject_share, engine=engine, master=master, shared=shared
    )
    question = _question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(question, settings, _progress(quiet=quiet)) as incident:
        remark_on(incident.pulled, incident.problems, incident.discovered)
        remark_on_collections(incident.collections)
        asked = _asked(question) | {"rejected lines tolerated": f"{settings.max_reject_share:.1%}"}
        _write_page(incident, output, title="Gateway errors" + (f" of {lb}" if lb else ""), asked=asked)
        typer.echo(str(output))
        if images is not None:
            _write_images(incident, images)
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
        remark_on_collections(incident.collections)
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


def _asked(question: "Question") -> dict[str, str]:
    """The question as it can be asked again: durations have become instants."""
    window = question.window
    given = {
        "logs": question.logs,
        "timeline": question.timeline,
        "load balancer": question.load_balancer,
        "since": window.since and window.since.isoformat(timespec="seconds"),
        "until": window.until and window.until.isoformat(timespec="seconds"),
    }
    return {name: str(value) for name, value in given.items() if value is not None}


def _write_page(incident: "Incident", path: Path, title: str, asked: Mapping[str, str] | None = None) -> None:
    from pipeline.report.summary import summarise
    from pipeline.usecases.report import write_report

    write_report(incident, summarise(incident.engine), path, title, asked)


def _refuse_without_browser() -> None:
    from pipeline.report.images import refuse_without_browser

    refuse_without_browser()


def _write_images(incident: "Incident", folder: Path) -> None:
    from pipeline.report import charts, images
    from pipeline.report.summary import summarise

    for path in images.write_images(charts.drawn(incident.engine, summarise(incident.engine)), folder):
        typer.echo(str(path))


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
