"""What the nightly runs of a store have done: one JSON document, replaced as a whole after every step.

A crash leaves the document before the step or the one after it; a step that was not noted is done again, and
every step but the sending of a notification changes nothing when it is done again. A notification is noted
before it is sent and after it arrived: what lies between may have arrived, and is sent again as a repeat.
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import StoreError
from pipeline.ingest import grouped
from pipeline.report.whole_file import whole_file

SCHEMA: Final = 1
FOLDER = "nightly"
Nightly = Literal["pull", "snapshot", "timeline", "tidy", "metrics"]
"""Stages that come once a night."""
GONE = "gone"
_ADVICE = "is it writable, is there space?"


class Day(BaseModel):
    """One day, UTC.

    Attributes:
        inputs: digest of the log objects and timeline rows that its answer rests on; None: not answered;
            ``GONE``: its lines went before it was.
        answer: digest of its verdicts.
        said: digest of what notifications say of them.
        errors: 502s and 504s.
        requests: requests.
        by_cause: errors by verdict.
        is_incomplete: evidence was missing.
        answered_at: when its answer last changed.
        reported: the answer that its page shows.
        sent: by channel, what was last said there.
        sending: by channel, what was about to be said when nothing was heard of it any more.
        closed: the answer that a finished run has counted against ``fail_on``.
    """

    model_config = ConfigDict(extra="forbid")

    inputs: str | None = None
    answer: str | None = None
    said: str | None = None
    errors: int = 0
    requests: int = 0
    by_cause: dict[str, int] = Field(default_factory=dict)
    is_incomplete: bool = False
    answered_at: datetime | None = None
    reported: str | None = None
    sent: dict[str, str] = Field(default_factory=dict)
    sending: dict[str, str] = Field(default_factory=dict)
    closed: str | None = None


class Night(BaseModel):
    """The run of one night (UTC date of its start).

    Attributes:
        date: which one.
        done: stages that need not run again before the next night.
        pulled_since: start of the time for which logs were looked for.
    """

    model_config = ConfigDict(extra="forbid")

    date: date
    done: list[Nightly] = Field(default_factory=list)
    pulled_since: datetime | None = None


class Journal(BaseModel):
    """The document.

    Attributes:
        night: the latest night.
        days: every day that was begun and is not yet forgotten.
        totals: errors by cause over all days, corrections only added: a counter.
        observed_to: until when AWS was last asked for changes.
        timeline: digest of the dumps that were last read.
        looked_to: newest day of the last run in which every day due to be looked at was.
        expired_before: lines from before this have left the store, or are about to.
        succeeded_at: end of the last run that left nothing undone.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = SCHEMA
    night: Night | None = None
    days: dict[date, Day] = Field(default_factory=dict)
    totals: dict[str, int] = Field(default_factory=dict)
    observed_to: datetime | None = None
    timeline: str | None = None
    looked_to: date | None = None
    expired_before: datetime | None = None
    succeeded_at: datetime | None = None

    @classmethod
    def read(cls, store: Path) -> Self:
        """The document of a store; an empty one where there is none.

        Raises:
            StoreError: it cannot be read, or was written by a newer version.
        """
        path = place(store)
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except OSError as problem:
            raise StoreError(f"{path}: cannot be read: {problem.strerror}") from problem
        except ValidationError as problem:
            raise StoreError(
                f"{path}: is no journal that this version understands ({problem.errors()[0]['msg']}); "
                "upgrade forensics, or move the file away: yesterday is then answered anew"
            ) from problem

    def write(self, store: Path) -> None:
        """Replace the document of a store.

        Raises:
            StoreError: it cannot be written; the former one stays.
        """
        path = place(store)
        with whole_file(path, _ADVICE) as file:
            file.write(self.model_dump_json(indent=1, exclude_defaults=True).encode())
        grouped.sync(path.parent)

    def begin(self, night: date) -> Night:
        """The stages of a night; those of an earlier one are forgotten."""
        if self.night is None or self.night.date != night:
            self.night = Night(date=night)
        return self.night

    def due(self, last: date, first: date | None) -> list[date]:
        """Days up to ``last`` that were never answered, from ``first`` or from the day after the newest one.

        A store without a day begins with ``last``.
        """
        known = max(self.days, default=None)
        start = first or (known + timedelta(days=1) if known else last)
        span = range(max((last - start).days + 1, 0))
        missed = {start + timedelta(days=number) for number in span} - self.days.keys()
        unanswered = {day for day, entry in self.days.items() if entry.inputs is None and day <= last}
        return sorted(missed | unanswered)

    def unsettled(self, last: date, days: int) -> list[date]:
        """Answered days that late lines and events may still change, seen from the night after ``last``.

        A night that failed takes none of its days' looks away: they are made up for.
        """
        seen_from = min(last, self.looked_to + timedelta(days=1)) if self.looked_to else last
        return [day for day in self.days if day > seen_from - timedelta(days=days)]

    def count(self, former: dict[str, int], now: dict[str, int]) -> None:
        """Add a day's errors to the totals; a counter never falls, so a correction only adds."""
        for cause, errors in now.items():
            self.totals[cause] = self.totals.get(cause, 0) + max(errors - former.get(cause, 0), 0)


def place(store: Path) -> Path:
    """Where the journal of a store is."""
    return store / FOLDER / "journal.json"
