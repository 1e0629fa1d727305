"""The numbers, whatever they travel by. Names follow Prometheus; counters end in ``_total``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One metric with its samples.

    Attributes:
        name: with ``_total`` for a counter.
        help: what it counts, and in what unit.
        kind: counter or gauge.
        label: name of the one label, None without.
        samples: values by the label's value; ``""`` without a label.
    """

    name: str
    help: str
    kind: Literal["counter", "gauge"]
    samples: Mapping[str, float]
    label: str | None = None


@dataclass(frozen=True)
class RunFacts:
    """What a run leaves for monitoring.

    Attributes:
        errors: gateway errors by cause that all runs have answered so far; it only grows.
        last_day_errors: of the newest answered day, by cause.
        finished_at: seconds since 1970.
        succeeded_at: the same of the last run that left nothing undone; None: none yet.
        seconds: how long the run took.
        exit_code: its exit code.
        stage_seconds: by stage.
        open_days: days that still miss their answer, report or notification.
        newest_day: start of the newest answered day, seconds since 1970; None: none yet.
        store_bytes: size of the store.
        lines: log lines read by this run.
        rejected: of these, no entries.
    """

    errors: Mapping[str, int]
    last_day_errors: Mapping[str, int]
    finished_at: float
    seconds: float
    exit_code: int
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    succeeded_at: float | None = None
    open_days: int = 0
    newest_day: float | None = None
    store_bytes: int = 0
    lines: int = 0
    rejected: int = 0


def metrics(facts: RunFacts) -> Sequence[Metric]:
    """All metrics; those without a value are left out."""
    found = [
        Metric(
            "forensics_gateway_errors_total",
            "502s and 504s answered so far, by cause; corrections of a day only add",
            "counter",
            facts.errors,
            "cause",
        ),
        Metric(
            "forensics_day_gateway_errors",
            "502s and 504s of the newest answered day, by cause",
            "gauge",
            facts.last_day_errors,
            "cause",
        ),
        Metric(
            "forensics_nightly_stage_seconds",
            "time of each stage of the last run",
            "gauge",
            facts.stage_seconds,
            "stage",
        ),
    ]
    singles: dict[str, tuple[str, float | None]] = {
        "forensics_nightly_last_run_timestamp_seconds": ("end of the last run", facts.finished_at),
        "forensics_nightly_last_success_timestamp_seconds": (
            "end of the last run that left nothing undone",
            facts.succeeded_at,
        ),
        "forensics_nightly_newest_day_timestamp_seconds": (
            "start of the newest answered day",
            facts.newest_day,
        ),
        "forensics_nightly_duration_seconds": ("time of the last run", facts.seconds),
        "forensics_nightly_exit_code": ("exit code of the last run", facts.exit_code),
        "forensics_nightly_open_days": ("days that miss answer, report or notification", facts.open_days),
        "forensics_nightly_lines": ("log lines that the last run read", facts.lines),
        "forensics_nightly_rejected_lines": ("of these, no entries", facts.rejected),
        "forensics_store_bytes": ("size of the store on disk", facts.store_bytes),
    }
    found += [
        Metric(name, told, "gauge", {"": float(value)})
        for name, (told, value) in singles.items()
        if value is not None
    ]
    return found
