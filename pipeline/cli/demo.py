"""The command that needs nothing: forensics demo."""

from pathlib import Path

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.output import console


def demo(*, output: opt.Page = Path("forensics-demo.html")) -> None:
    """Attribute the bundled incident, offline, and compare with its known truth.

    \b
    Examples:
      forensics demo
      forensics demo --output /tmp/demo.html
    """
    from pipeline.report import rows, terminal
    from pipeline.report.summary import summarise
    from pipeline.usecases.demo import demo as run_demo
    from pipeline.usecases.report import write_report

    with run_demo(config.load()) as (incident, score):
        summary = summarise(incident.engine)
        terminal.render(summary, console())
        typer.echo()
        rows.render_score(score.per_cause, score.accuracy, score.macro_f1, console())
        write_report(incident, summary, output, "The bundled incident: a simulated day")
        typer.echo(f"\nReport: {output.resolve()}")
