"""The answer of one day: computed from the store, kept as files beside the journal, told in notices."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from hashlib import blake2b
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from pipeline.config import Settings
from pipeline.errors import StoreError
from pipeline.model import ATTRIBUTIONS
from pipeline.notify.notice import Cause, Notice
from pipeline.report.facts import Summary
from pipeline.report.safety import visible
from pipeline.report.summary import summarise
from pipeline.report.whole_file import whole_file
from pipeline.usecases.incident import Incident, Question, investigate
from pipeline.usecases.nightly_inputs import window_of
from pipeline.usecases.nightly_journal import FOLDER, Day

_ADVICE = "is it writable, is there space?"
_MOST_NAMES = 10


class Told(BaseModel):
    """What is said of a day: kept, so that a notification can be sent again without asking the logs."""

    model_config = ConfigDict(extra="forbid")

    verdict: str
    remedy: str
    causes: list[tuple[str, str, int]]
    load_balancers: list[str]


@contextmanager
def investigated(day: date, settings: Settings, as_of: datetime) -> Iterator[tuple[Incident, Summary]]:
    """The day as the store tells it.

    Raises:
        StoreError: the store cannot be read.
    """
    question = Question(window=window_of(day), aws=False, as_of=as_of)
    with investigate(question, settings) as incident:
        yield incident, summarise(incident.engine)


def keep_answer(day: date, incident: Incident, summary: Summary, settings: Settings) -> None:
    """Write the day's verdicts and what is said of them.

    Raises:
        StoreError: the store cannot be written.
    """
    told = Told(
        verdict=visible(summary.verdict),
        remedy=visible(summary.top_remedy),
        causes=[(row.cause, visible(row.title), row.errors) for row in summary.by_cause],
        load_balancers=_load_balancers(incident),
    )
    rows = incident.attributions.to_arrow().cast(ATTRIBUTIONS.schema)
    with whole_file(verdicts_file(settings.store, day), _ADVICE) as file:
        pq.write_table(rows, file, compression="zstd")
    with whole_file(_told_file(settings.store, day), _ADVICE) as file:
        file.write(told.model_dump_json().encode())


def _load_balancers(incident: Incident) -> list[str]:
    names = sorted(incident.attributions["elb"].drop_nulls().unique().to_list())
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return [*map(visible, names[:_MOST_NAMES]), *more]


def answered(entry: Day, inputs: str, incident: Incident, summary: Summary) -> Day:
    """The journal's entry with the new answer; what was reported and sent of the former one stays noted."""
    by_cause = {row.cause: row.errors for row in summary.by_cause}
    told = " ".join(f"{cause}={errors}" for cause, errors in sorted(by_cause.items()))
    return entry.model_copy(
        update={
            "inputs": inputs,
            "answer": _digest(incident.attributions, incident.requests),
            "said": blake2b(told.encode(), digest_size=12).hexdigest(),
            "errors": summary.gateway_errors,
            "requests": incident.requests,
            "by_cause": by_cause,
            "is_incomplete": incident.is_incomplete,
        }
    )


def _digest(attributions: pl.DataFrame, requests: int) -> str:
    """What is worth a new page: verdicts, and confidence in percent; further digits move with any event."""
    shown = attributions.select("request_id", "cause", "event_id", pl.col("confidence").round(2))
    found = blake2b(f"{requests}".encode(), digest_size=12)
    for row in shown.sort("request_id").iter_rows():
        found.update(repr(row).encode(errors="replace"))
    return found.hexdigest()


def notice(day: date, entry: Day, channel: str, settings: Settings) -> Notice:
    """What a channel is to be told of an answered day.

    Raises:
        StoreError: what is to be said cannot be read.
    """
    path = _told_file(settings.store, day)
    try:
        told = Told.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise StoreError(
            f"{path}: cannot be read; forensics nightly --again {day} makes it anew"
        ) from problem
    before = entry.sent.get(channel)
    identity = f"{day} {entry.said} after {before}"
    page = report_file(settings, day)
    url = settings.nightly.report_url
    return Notice(
        key=blake2b(identity.encode(), digest_size=12).hexdigest(),
        day=day,
        verdict=told.verdict,
        errors=entry.errors,
        requests=entry.requests,
        causes=[Cause(*one) for one in told.causes],
        remedy=told.remedy,
        load_balancers=told.load_balancers,
        is_incomplete=entry.is_incomplete,
        is_correction=before is not None,
        is_repeat=entry.sending.get(channel) == entry.said,
        report=str(page),
        report_link=f"{url.rstrip('/')}/{page.name}" if url is not None else None,
    )


def report_file(settings: Settings, day: date) -> Path:
    """The page of a day."""
    return (settings.nightly.reports or settings.store / FOLDER / "reports") / f"{day}.html"


def verdicts_file(store: Path, day: date) -> Path:
    """The verdicts of a day, in the schema of `attributions`."""
    return store / FOLDER / "attributions" / f"{day}.parquet"


def _told_file(store: Path, day: date) -> Path:
    return store / FOLDER / "told" / f"{day}.json"


def forget(settings: Settings, day: date) -> None:
    """Remove page, verdicts and texts of a day."""
    for path in (
        report_file(settings, day),
        verdicts_file(settings.store, day),
        _told_file(settings.store, day),
    ):
        try:
            path.unlink(missing_ok=True)
        except OSError as problem:
            raise StoreError(f"{path}: cannot be removed: {problem.strerror}") from problem
