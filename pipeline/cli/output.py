"""Results to standard output or a file, remarks to standard error."""

import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from pipeline.report.safety import visible
from pipeline.report.whole_file import whole_file

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.ingest.pull import PullSummary
    from pipeline.timeline.base import Problem
    from pipeline.timeline.collection import Collection

_MOST_REMARKS = 20
_FILE_WIDTH = 100
_LOGIN = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]+@")
_MOST_LAYOUTS = 5


def console(to: TextIO | None = None) -> "Console":
    """Standard output, or a file; colour only on a terminal that has it, NO_COLOR respected."""
    from pipeline.cli.console import PipedConsole

    width = None if to is None else _FILE_WIDTH
    return PipedConsole(file=to, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def remark(text: str) -> None:
    """One line on standard error, harmless to the terminal, without the login of a URL."""
    sys.stderr.write(visible(_LOGIN.sub(r"\1", text)) + "\n")


@contextmanager
def sink(output: Path | None) -> Iterator[BinaryIO]:
    """Where results go as bytes; a file appears only when it is whole.

    Raises:
        StoreError: the file cannot be written.
    """
    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with whole_file(output) as file:
        yield file


@contextmanager
def text_sink(output: Path | None) -> Iterator[TextIO]:
    """The same for text."""
    with sink(output) as to:
        text = io.TextIOWrapper(to, encoding="utf-8", write_through=True)
        try:
            yield text
        finally:
            text.detach()  # else it would close what it writes to


def remark_on(pulled: "PullSummary | None", problems: "list[Problem]", discovered: str | None = None) -> None:
    """Say where logs were found and what was left out, rejected or damaged: nothing is dropped in silence."""
    if discovered is not None:
        remark(f"logs read from {discovered}, as the load balancer's attributes say")
    remarks = [f"{one.object_key}: {one.reason}" for one in pulled.problems] if pulled else []
    remarks += [f"{one.ref}: {one.what}" for one in problems]
    for text in remarks[:_MOST_REMARKS]:
        remark(text)
    if len(remarks) > _MOST_REMARKS:
        remark(f"... and {len(remarks) - _MOST_REMARKS} more")
    if pulled and pulled.rejected:
        remark(f"{pulled.rejected:,} of {pulled.lines:,} lines are no ALB log entries and were set aside")
    if pulled and pulled.new_layouts:
        remark(_news(pulled))
    if pulled and pulled.outside_window and not pulled.rows:
        remark(
            f"all {pulled.outside_window:,} log objects lie outside the time asked for; try another --since"
        )
    if pulled and pulled.left_out:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(pulled.left_out.items()))
        remark(f"objects left out: {kinds}")


def _news(pulled: "PullSummary") -> str:
    """One sentence about all numbers of fields that AWS does not document."""
    found = [
        f"{layout.rows:,} {kind} lines have {fields} fields (first in {layout.first_object})"
        for (kind, fields), layout in sorted(pulled.new_layouts.items())
    ]
    more = f" and {len(found) - _MOST_LAYOUTS} more" if len(found) > _MOST_LAYOUTS else ""
    return (
        f"field drift: {'; '.join(found[:_MOST_LAYOUTS])}{more}; fields beyond the known ones are kept in "
        "extra_fields, and forensics sql 'from field_layouts' lists what has been seen"
    )


def counted(pulled: "PullSummary") -> str:
    """Lines read, by what became of them: rows of each table, and rejected ones."""
    others = sorted(pulled.rows_of.keys() - {"requests"})
    rows = [f"{pulled.rows_of.get(name, 0):,} {name.replace('_', ' ')}" for name in ("requests", *others)]
    return f"{pulled.lines:,} lines = {' + '.join(rows)} + {pulled.rejected:,} rejected"


def remark_on_collections(collections: "Sequence[Collection]") -> None:
    """Say what was asked of AWS, and how that compares with the budget; one line per account and region."""
    for collection in collections:
        _remark_on_collection(collection, several=len(collections) > 1)


def _remark_on_collection(collection: "Collection", *, several: bool) -> None:
    whose = f" {collection.account}" if several and collection.account else ""
    retries = sum(call.retries for call in collection.calls)
    files = sum(len(call.files) for call in collection.calls if call.action == "s3:GetObject")
    remark(
        f"asked AWS{whose} {collection.region or '(no region)'} in {collection.made:,} API calls "
        f"(budget {collection.budget:,})"
        + (f", {retries:,} repeated" if retries else "")
        + (f", and {files:,} CloudTrail files" if files else "")
    )
