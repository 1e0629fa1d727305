"""The command that asks the tables: forensics sql."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.asking import progress, question
from pipeline.cli.output import console, remark
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.usecases.incident import Incident


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
    asked = question(logs, timeline, since, until, lb, aws=aws, keep_pages=keep_pages)
    with investigate(asked, settings, progress(quiet=quiet)) as incident:
        if query is not None:
            _answer(incident, query)
        elif sys.stdin.isatty():
            _shell(incident)
        else:
            for statement in duckdb.extract_statements(sys.stdin.read()):
                _answer(incident, statement.query)


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
