"""Two windows side by side: spans of logs, or files that `attribute` wrote."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import config
from pipeline.attribute.change import Side, compare
from pipeline.config import Settings
from pipeline.errors import UsageError
from pipeline.usecases.incident import Progress, Question, investigate

_COLUMNS = ("cause", "event_id", "target_ip", "time", "elb")
_HOW = (
    "give a span such as 2026-03-01..2026-03-02 or 48h..24h, "
    "or a file that forensics attribute --format json or parquet wrote"
)


@dataclass(frozen=True)
class Difference:
    """Both sides, what changed, and what the reader should know about the comparison."""

    before: Side
    after: Side
    changes: pl.DataFrame
    notes: list[str]


def diff(
    before: str,
    after: str,
    question: Question,
    settings: Settings,
    now: datetime,
    progress: Progress | None = None,
) -> Difference:
    """Compare two windows.

    Args:
        before: the earlier one: a span ``FROM..TO``, or a file.
        after: the later one.
        question: logs, timeline and load balancer of spans; its own window is not used.
        settings: as everywhere.
        now: what durations count back from.
        progress: told how far reading is.

    Raises:
        UsageError: a side is neither span nor file, is damaged, or holds no request.
        SourceError: logs or timeline cannot be reached.
    """
    earlier = _side(before, question, settings, now, progress)
    later = _side(after, question, settings, now, progress)
    return Difference(earlier, later, compare(earlier, later), _notes(earlier, later))


def _notes(before: Side, after: Side) -> list[str]:
    one, other = sorted(before.load_balancers), sorted(after.load_balancers)
    notes = []
    if one and other and one != other:
        notes.append(
            f"not the same load balancers: {', '.join(one)} before, {', '.join(other)} after; "
            "a difference between them looks like a change (--lb picks one)"
        )
    if not before.errors.height and not after.errors.height:
        notes.append("neither side has a gateway error")
    return notes


def _side(
    text: str, question: Question, settings: Settings, now: datetime, progress: Progress | None
) -> Side:
    side = _of_file(Path(text)) if Path(text).is_file() else _of_span(text, question, settings, now, progress)
    if side.requests <= 0:
        raise UsageError(f"{text} holds no request: there is no rate to compare; choose another span")
    return side


def _of_span(
    text: str, question: Question, settings: Settings, now: datetime, progress: Progress | None
) -> Side:
    first, dots, last = text.partition("..")
    if not dots:
        raise UsageError(f"{text}: neither a file nor a span; {_HOW}")
    window = config.window(first or None, last or None, now)
    asked = Question(question.logs, question.timeline, window, question.load_balancer)
    with investigate(asked, settings, progress) as incident:
        # As in a file: the requests that reached a target group.
        requests = int(incident.engine.frame("report/window")["requests"].item())
        return Side(text, requests, incident.attributions.select(_COLUMNS))


def _of_file(path: Path) -> Side:
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        requests, rows = _parquet(path) if is_parquet else _json(path)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        pa.ArrowException,
        pl.exceptions.PolarsError,
    ) as problem:
        what = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise UsageError(
            f"{path}: no output of forensics attribute with its traffic ({what}); {_HOW}"
        ) from problem
    return Side(str(path), requests, rows.select(_COLUMNS))


def _parquet(path: Path) -> tuple[int, pl.DataFrame]:
    metadata = pq.read_schema(path).metadata or {}
    return int(metadata[b"forensics.requests"]), pl.DataFrame(pq.read_table(path, columns=list(_COLUMNS)))


def _json(path: Path) -> tuple[int, pl.DataFrame]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    rows = [{name: one[name] for name in _COLUMNS} for one in document["attributions"]]
    text = pl.DataFrame(rows, schema=dict.fromkeys(_COLUMNS, pl.String), orient="row")
    instants = pl.col("time").str.to_datetime(time_unit="us", time_zone="UTC")
    return int(document["summary"]["requests"]), text.with_columns(instants)
