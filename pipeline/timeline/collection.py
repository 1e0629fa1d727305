"""What one live collection asked, and what it really got: ``collection.json`` beside the pages.

It makes the pages an honest record: "no event" differs from "not asked", a file's age does not hang on the
file system, and a replay says what the live run said, denied calls included.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.timeline.base import Document, Findings
from pipeline.timeline.instants import read_instant
from pipeline.timeline.shapes import Record, instant, mapping, objects, records, text, texts

NAME = "collection"
FILE = "collection.json"
_MOST_BYTES = 64 << 20
_MOST_NAMES = 8
_CHECK_ONLY = "cloudwatch"
"""Its counts check the log; no verdict rests on them."""


@dataclass
class Call:
    """One question to AWS, all its pages.

    Attributes:
        source: the source module that asked.
        action: the IAM action.
        about: the resource asked about, None for all.
        asked_at: when, UTC: so old are its pages.
        calls: requests that it took, repeats not counted.
        files: what was written, relative to the collection.
        fault: class of what went wrong (`aws_faults`), None when all pages came.
        message: what went wrong, in AWS's words or ours.
    """

    source: str
    action: str
    about: str | None
    asked_at: datetime
    calls: int = 0
    retries: int = 0
    files: list[str] = field(default_factory=list)
    fault: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Span:
    """What a source really observed."""

    source: str
    covered_from: datetime
    covered_to: datetime


@dataclass
class Collection:
    """A collection as it is written down.

    Attributes:
        tool: name and version of the program.
        region: the AWS region asked; None when none is set.
        account: the load balancers' account, as far as known; coverage is of this account and region.
        load_balancers: names asked for.
        since: start of the window asked for.
        until: its end.
        asked_at: when the collection began.
        budget: calls allowed.
        left_out: load balancers not asked about, because there were too many.
        calls: every question.
        coverage: what was observed.
        oldest: since when a bucket holds what is delivered to it, UTC, by its URI.
        newest: the newest entry, UTC, that a source's listing of changes showed, by source; of a bucket,
            by its URI.
    """

    tool: str
    region: str | None
    account: str | None
    load_balancers: list[str]
    since: datetime
    until: datetime
    asked_at: datetime
    budget: int
    left_out: int = 0
    calls: list[Call] = field(default_factory=list)
    coverage: list[Span] = field(default_factory=list)
    oldest: dict[str, datetime] = field(default_factory=dict)
    newest: dict[str, datetime] = field(default_factory=dict)

    @property
    def made(self) -> int:
        """Calls made, repeats after throttling and objects of S3 not counted."""
        return sum(call.calls for call in self.calls if not call.action.startswith("s3:"))

    def write(self, folder: Path) -> None:
        """Write it beside the pages.

        Raises:
            OSError: the folder cannot be written.
        """
        parts = asdict(self)
        calls, coverage = parts.pop("calls"), parts.pop("coverage")
        whole = {"collection": parts, "calls": calls, "coverage": coverage}
        (folder / FILE).write_text(json.dumps(whole, indent=4, default=_as_text) + "\n", encoding="utf-8")


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def refuse_full(folder: Path) -> None:
    """Stop before anything is asked when the pages would mix with others.

    Raises:
        UsageError: the folder holds something, or is no folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty: pages of two collections must not mix; give a new folder")


def page_times(folder: Path) -> dict[Path, datetime]:
    """When each page of a folder's collection was asked for; empty when there is none that can be read."""
    path = folder / FILE
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return dict(_times(folder, value)) if isinstance(value, dict) else {}


def _times(folder: Path, value: Record) -> Iterator[tuple[Path, datetime]]:
    for call in objects(value, "calls"):
        try:
            asked_at = read_instant(call.get("asked_at"))
        except ValueError:
            continue
        yield from ((folder / name, asked_at) for name in texts(call, "files"))


def reads(document: Document) -> bool:
    """Whether the document is a ``collection.json``."""
    return isinstance(document.value.get("collection"), dict) and "calls" in document.value


def parse(document: Document, findings: Findings) -> None:
    """Add the spans that were observed, and one problem for each way in which questions failed."""
    about = mapping(document.value, "collection")
    account, region = text(about, "account"), text(about, "region")
    for ref, span in records(document, "coverage", findings):
        source = text(span, "source")
        covered_from = instant(span, "covered_from", ref, findings)
        covered_to = instant(span, "covered_to", ref, findings)
        if source is None or covered_from is None or covered_to is None:
            findings.problem(ref, "span without source, covered_from or covered_to")
            continue
        findings.covered(source, covered_from, covered_to, document.ref, account=account, region=region)
    failed: dict[tuple[str, str], list[Record]] = {}
    for _, call in records(document, "calls", findings):
        fault, message = text(call, "fault"), text(call, "message")
        if fault and message:
            failed.setdefault((fault, message), []).append(call)
    place = " ".join(word for word in ("aws", account, region or "no region") if word)
    left_out = text(about, "left_out")
    if left_out not in {None, "0"}:
        findings.problem(place, f"{left_out} load balancers of the logs were not asked about: give --lb")
    for (_, message), asked in failed.items():
        names = list(dict.fromkeys(_about(call) for call in asked))
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        is_loss = any(text(call, "source") != _CHECK_ONLY for call in asked)
        findings.problem(place, f"{', '.join(names[:_MOST_NAMES])}{more}: {message}", is_loss=is_loss)


def _about(call: Record) -> str:
    action, about = text(call, "action") or "a call", text(call, "about")
    return f"{action} ({about})" if about else action
