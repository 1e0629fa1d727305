"""forensics diff: two windows side by side."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline import config
from pipeline.cli import options as opt
from pipeline.cli.asking import progress
from pipeline.cli.output import console, sink

Before = Annotated[str, typer.Argument(metavar="BEFORE", help="A span FROM..TO, or a file of attribute.")]
After = Annotated[str, typer.Argument(metavar="AFTER", help="The later one; compared by its requests.")]


def diff(
    before: Before,
    after: After,
    *,
    logs: opt.Logs = None,
    timeline: opt.Timeline = None,
    lb: opt.LoadBalancer = None,
    output_format: opt.Format = "table",
    store: opt.Store = None,
    quiet: opt.Quiet = False,
) -> None:
    """Did the fix work? Rates of each cause in two windows, with exact intervals.

    \b
    Examples:
      forensics diff 2026-03-01..2026-03-02 2026-03-03..2026-03-04 --lb shop
      forensics diff 48h..24h 24h.. --logs s3://my-logs/prefix --timeline ./dumps
      forensics diff before.json after.json
    """
    from pipeline.report import change
    from pipeline.usecases.diff import diff as compare_windows
    from pipeline.usecases.incident import Question

    asked = Question(logs, timeline, load_balancer=lb)
    settings = config.load(store=store)
    found = compare_windows(before, after, asked, settings, datetime.now(UTC), progress(quiet=quiet))
    sides = [(side.name, side.requests) for side in (found.before, found.after)]
    if output_format == "json":
        with sink(None) as to:
            change.write_json(sides, found.changes, found.notes, to)
    else:
        change.render(sides, found.changes, found.notes, console())
