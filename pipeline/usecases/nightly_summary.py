"""What one nightly run did, for people and schedulers: docs/nightly.schema.json is generated from here."""

from datetime import date, datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Final = 1
"""Raised when a field of the summary changes its meaning or goes."""

StageName = Literal["pull", "snapshot", "timeline", "attribute", "report", "notify", "tidy", "metrics"]
StageState = Literal["done", "already_done", "skipped", "waiting", "failed"]
_MASKING = (2, 1, 4)
"""Exit codes of stages that hide whether a day is above ``fail_on``: the day is counted by a later run."""
FINDINGS, UNDELIVERED, REJECTED, INCOMPLETE = 3, 7, 5, 6
_LATER = (FINDINGS, UNDELIVERED, REJECTED, INCOMPLETE)


class Stage(BaseModel):
    """One stage; a day's stages come once a day.

    Attributes:
        name: what it does.
        state: ``already_done`` by an earlier run of the same night, ``waiting`` for a stage that failed.
        day: the day (UTC) that it is about.
        channel: where a notification went.
        seconds: how long it took.
        exit_code: what it adds to the run's; 0: all is well.
        detail: a sentence.
        counts: numbers, by what they count.
    """

    model_config = ConfigDict(extra="forbid")

    name: StageName
    state: StageState = "done"
    day: date | None = None
    channel: str | None = None
    seconds: float = 0.0
    exit_code: int = 0
    detail: str = ""
    counts: dict[str, int] = Field(default_factory=dict)


class DayAnswer(BaseModel):
    """A day that this run answered, or that an earlier run answered and this one finished.

    Attributes:
        day: UTC.
        errors: 502s and 504s.
        requests: requests.
        by_cause: errors by verdict.
        is_incomplete: evidence is missing.
        is_correction: it had another answer before.
        exceeded: conditions of ``fail_on`` that hold.
        report: its page.
    """

    model_config = ConfigDict(extra="forbid")

    day: date
    errors: int
    requests: int
    by_cause: dict[str, int]
    is_incomplete: bool
    is_correction: bool
    exceeded: list[str]
    report: str | None


class RunSummary(BaseModel):
    """One run.

    Attributes:
        schema_version: version of this document.
        tool: program and version.
        night: UTC date of the run.
        as_of: the instant for which it ran.
        state: ``failed``: the next run has something to make up for.
        exit_code: the process's.
        seconds: how long it took.
        resumed_after: process id of a run before that did not come to its end.
        days: answers of this run.
        stages: in the order in which they ran.
        store_bytes: size of the store afterwards.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = SCHEMA
    tool: str
    night: date
    as_of: datetime
    state: Literal["done", "nothing_to_do", "failed"]
    exit_code: int
    seconds: float
    resumed_after: int | None
    days: list[DayAnswer]
    stages: list[Stage]
    store_bytes: int


def hides_findings(stages: list[Stage]) -> bool:
    """Whether the exit code will be that of a failed stage."""
    return any(stage.exit_code in _MASKING for stage in stages)


def exit_code(stages: list[Stage], days: list[DayAnswer]) -> int:
    """What went wrong first: failures, then findings, deliveries, rejected lines, missing evidence."""
    codes = {stage.exit_code for stage in stages}
    codes |= {FINDINGS for day in days if day.exceeded}
    codes |= {INCOMPLETE for day in days if day.is_incomplete}
    return next((code for code in (*_MASKING, *_LATER) if code in codes), 0)
