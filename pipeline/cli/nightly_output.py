"""How a nightly run speaks: progress for people, a JSON line per stage for schedulers, a summary."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.cli.output import remark

if TYPE_CHECKING:
    from rich.status import Status

    from pipeline.cli.nightly import LogFormat
    from pipeline.ingest.pull import PullSummary
    from pipeline.usecases.nightly import Listener
    from pipeline.usecases.nightly_summary import DayAnswer, RunSummary, Stage, StageName

_MARKS = {
    "done": "done",
    "already_done": "done before",
    "skipped": "skipped",
    "waiting": "waits",
    "failed": "FAILED",
}


@contextmanager
def listener(log_format: "LogFormat", *, quiet: bool) -> "Iterator[Listener]":
    """Who is told of the stages, on standard error."""
    is_terminal = sys.stderr.isatty()
    if log_format == "json" or (log_format == "auto" and not is_terminal):
        yield _Lines(is_quiet=quiet)
        return
    screen = Console(stderr=True, highlight=False, markup=False, emoji=False)
    with screen.status("nightly") as status:
        yield _Screen(screen, status, is_quiet=quiet)


class _Lines:
    """One JSON object a line for each stage, when it has ended."""

    pulling = None

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet

    def began(self, name: "StageName", day: date | None) -> None:
        """Nothing: one line a stage."""

    def ended(self, stage: "Stage") -> None:
        """The stage as it is in the summary; quiet, only what is not well."""
        if not self._is_quiet or stage.exit_code:
            sys.stderr.write(stage.model_dump_json() + "\n")
            sys.stderr.flush()


class _Screen:
    """A line that says what is going on, and one for each stage that has ended."""

    def __init__(self, screen: Console, status: "Status", *, is_quiet: bool) -> None:
        self._screen = screen
        self._status = status
        self._is_quiet = is_quiet

    def pulling(self, summary: "PullSummary", total: int) -> None:
        """Say how far the reading of logs is."""
        done = summary.ingested + summary.already_known
        self._status.update(f"pull {done:,} of {total:,} objects, {summary.lines:,} lines")

    def began(self, name: "StageName", day: date | None) -> None:
        """Say what is going on."""
        self._status.update(f"{name} {day or ''}".rstrip())

    def ended(self, stage: "Stage") -> None:
        """Say what became of it; quiet, only what is not well."""
        if self._is_quiet and not stage.exit_code:
            return
        about = " ".join(filter(None, (stage.name, str(stage.day or ""), stage.channel)))
        took = f" ({stage.seconds:.1f} s)" if stage.seconds else ""
        self._screen.print(Text(f"{about}: {_MARKS[stage.state]}{took} {stage.detail}".rstrip()))


def render(run: "RunSummary", to: Console) -> None:
    """The summary for people."""
    if run.resumed_after is not None:
        remark(f"the run before (process {run.resumed_after}) did not come to its end; this one goes on")
    if run.state == "nothing_to_do":
        to.print(f"Nothing to do: the night of {run.night} is done.", highlight=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("day (UTC)", "errors", "requests"):
        table.add_column(name, justify="left" if name.startswith("day") else "right")
    table.add_column("most frequent causes")
    table.add_column("")
    for one in run.days:
        causes = sorted(one.by_cause.items(), key=lambda item: (-item[1], item[0]))[:3]
        table.add_row(
            str(one.day),
            f"{one.errors:,}",
            f"{one.requests:,}",
            ", ".join(f"{cause} {errors:,}" for cause, errors in causes),
            "; ".join(_remarks(one)),
        )
    if run.days:
        to.print(table)
    reports = [one.report for one in run.days if one.report]
    if reports:
        to.print(Text(f"Report: {reports[-1]}"), soft_wrap=True)
    failed = [stage for stage in run.stages if stage.state == "failed"]
    for stage in failed:
        to.print(
            Text(f"Failed: {stage.name} {stage.day or ''}".rstrip() + f": {stage.detail}"), soft_wrap=True
        )
    if not run.days and not failed:
        to.print("Done: no day has a new answer.", highlight=False)


def _remarks(answer: "DayAnswer") -> list[str]:
    found = [f"above {text}" for text in answer.exceeded]
    found += ["corrected"] if answer.is_correction else []
    return [*found, "evidence incomplete"] if answer.is_incomplete else found
