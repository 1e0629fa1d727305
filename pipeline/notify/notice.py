"""What a notification says, whatever it travels by."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

SCHEMA = 1
"""Raised when a field of the JSON changes its meaning or goes."""


@dataclass(frozen=True)
class Cause:
    """One cause of the day.

    Attributes:
        id: e.g. ``keepalive_race``.
        title: for people.
        errors: errors of which it is the verdict.
    """

    id: str
    title: str
    errors: int


@dataclass(frozen=True)
class Notice:
    """One day's answer. All texts are on one line and hold no control characters.

    Attributes:
        key: of the day and what is said of it: the same notice has the same key, however often it is sent.
        day: the day, UTC.
        verdict: the day in one sentence.
        errors: 502s and 504s.
        requests: requests of the day.
        causes: most errors first.
        remedy: what to change first; empty when nothing is known.
        load_balancers: those with errors, as the logs name them.
        is_incomplete: evidence is missing, so the answer may change.
        is_correction: the day was told before, and the answer was another one.
        is_repeat: it may have arrived before: the run that sent it died.
        report: where the page is.
        report_link: its address for a browser, if it has one.
    """

    key: str
    day: date
    verdict: str
    errors: int
    requests: int
    causes: Sequence[Cause] = ()
    remedy: str = ""
    load_balancers: Sequence[str] = ()
    is_incomplete: bool = False
    is_correction: bool = False
    is_repeat: bool = False
    report: str | None = None
    report_link: str | None = None
    remarks: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        """Put what qualifies the answer into sentences."""
        found = {
            "This corrects what was said of the day before: late lines or events have come.": (
                self.is_correction
            ),
            "Evidence is missing: the answer may change.": self.is_incomplete,
            "This may have arrived before: the run that sent it did not come to its end.": self.is_repeat,
        }
        object.__setattr__(self, "remarks", tuple(text for text, holds in found.items() if holds))

    @property
    def title(self) -> str:
        """What it is about, in a line of this project's own words."""
        noun = "gateway error" if self.errors == 1 else "gateway errors"
        prefix = "Corrected: " if self.is_correction else ""
        return f"{prefix}{self.errors:,} {noun} on {self.day} (UTC)"


def document(notice: Notice) -> dict[str, Any]:
    """The notice for machines."""
    return {
        "schema": SCHEMA,
        "kind": "forensics.day",
        "key": notice.key,
        "day": notice.day.isoformat(),
        "title": notice.title,
        "verdict": notice.verdict,
        "errors": notice.errors,
        "requests": notice.requests,
        "causes": [{"id": one.id, "title": one.title, "errors": one.errors} for one in notice.causes],
        "remedy": notice.remedy,
        "load_balancers": list(notice.load_balancers),
        "is_incomplete": notice.is_incomplete,
        "is_correction": notice.is_correction,
        "report": notice.report,
        "report_link": notice.report_link,
    }


def table(causes: Sequence[Cause]) -> str:
    """Causes and their errors in two columns."""
    width = max((len(f"{one.errors:,}") for one in causes), default=0)
    return "\n".join(f"{one.errors:>{width},}  {one.id}" for one in causes)
