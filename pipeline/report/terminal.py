"""The summary on a terminal: verdict, causes, what to change, other errors, and what nobody watched.

Nothing in it is read as markup, nothing needs colour, and where the output's encoding has no block
characters the same picture is drawn in ASCII.
"""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.report import findings, safety, wording
from pipeline.report.facts import CauseRow, Summary

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = " .:-=+*#@"
_WIDTH = 100
"""Columns beyond which lines get no longer: long lines are hard to read."""


def render(summary: Summary, console: Console) -> None:
    """Print the summary.

    Args:
        summary: what to say.
        console: where to; its width, encoding and colour are respected.
    """
    say = _Speech(console)
    say.paragraph(summary.verdict, style="bold")
    if summary.by_cause:
        console.print()
        console.print(_table(summary, say), no_wrap=True)
    if summary.top_remedy:
        console.print()
        say.labelled("Change first", [summary.top_remedy])
    if further := wording.further_remedies(summary.by_cause, summary.gateway_errors):
        console.print()
        say.labelled("Then", further)
    for label, sentences in findings.sections(summary.trust):
        console.print()
        say.labelled(label, sentences)
    if summary.also_seen:
        console.print()
        say.labelled("Also seen", [wording.also_seen(summary.also_seen)])
    if summary.coverage_warnings:
        console.print()
        say.labelled("Not watched", summary.coverage_warnings)


class _Speech:
    """Prints text as it is, in what the console's encoding can show."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.blocks = _BLOCKS if self._shows(_BLOCKS) else _ASCII_BLOCKS
        self._width = min(console.width, _WIDTH)

    def _shows(self, text: str) -> bool:
        try:
            text.encode(self._console.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def text(self, text: str, style: str = "") -> Text:
        """Harmless text for a cell or a line."""
        shown = safety.visible(text)
        if not self._shows(shown):
            shown = shown.replace("–", "-").replace("∞", "inf").encode("ascii", "backslashreplace").decode()
        return Text(shown, style=style)

    def paragraph(self, text: str, style: str = "") -> None:
        """A paragraph, wrapped."""
        self._console.print(self.text(text, style), highlight=False, width=self._width)

    def labelled(self, label: str, texts: Sequence[str]) -> None:
        """A label on its own line and paragraphs under it."""
        self._console.print(Text(label, style="bold"))
        for text in texts:
            self._console.print(Padding(self.text(text), (0, 0, 0, 2), expand=False), width=self._width)


def _table(summary: Summary, say: _Speech) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("cause", no_wrap=True)
    table.add_column("errors", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("sure", justify="right", no_wrap=True)
    table.add_column(say.text(_span(summary)), no_wrap=True)
    peak = max((point for row in summary.by_cause for point in row.rate), default=0)
    for row in summary.by_cause:
        table.add_row(*_cells(row, summary.gateway_errors, peak, say))
    return table


def _cells(row: CauseRow, errors: int, peak: int, say: _Speech) -> list[Text]:
    return [
        say.text(row.cause, "" if row.is_decided else "dim"),
        Text(wording.whole(row.errors)),
        Text(wording.percent(row.errors / errors)),
        Text(wording.percent(row.mean_confidence) if row.is_decided else ""),
        Text(_sparkline(row.rate, peak, say.blocks)),
    ]


def _span(summary: Summary) -> str:
    """Both ends of the window, set above the two ends of the rate curves."""
    if summary.window is None:
        return ""
    first, last = (f"{moment:%H:%M}" for moment in summary.window)
    room = max(len(row.rate) for row in summary.by_cause)
    return first + last.rjust(max(room - len(first), len(last) + 1))


def _sparkline(rate: Sequence[int], peak: int, blocks: str) -> str:
    """One character a point, all causes on one scale; a single error is still seen."""
    top = len(blocks) - 1
    return "".join(blocks[-(-point * top // peak)] if peak else blocks[0] for point in rate)
