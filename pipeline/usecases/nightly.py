"""The nightly run: pull → snapshot → timeline → attribute → report → notify → tidy → metrics.

The first three and tidying come once a night, the others once a day; the journal says what is done. A stage
that fails costs itself and those that need it; the next run makes up for it. Days are UTC.
"""

import os
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Protocol

from pipeline import __version__
from pipeline.config import Settings
from pipeline.errors import DeliveryError, ForensicsError, StoreError, UsageError
from pipeline.ingest.lake import Lake
from pipeline.ingest.lock import WriterLock
from pipeline.metrics.facts import RunFacts
from pipeline.model import Window
from pipeline.notify.send import send
from pipeline.report.facts import Summary
from pipeline.report.safety import visible
from pipeline.report.whole_file import whole_file
from pipeline.schedule import Channel
from pipeline.timeline.folder import read_timeline
from pipeline.usecases import nightly_stages as stages
from pipeline.usecases import thresholds
from pipeline.usecases.incident import Incident, Progress
from pipeline.usecases.nightly_day import answered, investigated, keep_answer, notice, report_file
from pipeline.usecases.nightly_inputs import AROUND, digest, window_of
from pipeline.usecases.nightly_journal import FOLDER, GONE, Day, Journal, Nightly
from pipeline.usecases.nightly_summary import (
    DayAnswer,
    RunSummary,
    Stage,
    StageName,
    exit_code,
    hides_findings,
)
from pipeline.usecases.report import write_report

_DAY = timedelta(days=1)


class Listener(Protocol):
    """Is told while the run goes on."""

    def began(self, name: StageName, day: date | None) -> None:
        """A stage begins."""

    def ended(self, stage: Stage) -> None:
        """A stage has ended, or was not needed."""

    @property
    def pulling(self) -> Progress | None:
        """Told after each object of logs."""


@dataclass(frozen=True)
class Order:
    """What one run is asked to do beside the settings.

    Attributes:
        as_of: the instant that it is; days up to the one before are answered.
        is_replay: ``as_of`` is not now: AWS and the cluster are not asked, for they tell of now.
        first: first day to answer where more than the missing ones are wanted.
        again: days to answer and report anew.
    """

    as_of: datetime
    is_replay: bool = False
    first: date | None = None
    again: Sequence[date] = ()


def nightly(settings: Settings, order: Order, listener: Listener) -> RunSummary:
    """Do what the night asks for; run again, do what is missing.

    Raises:
        UsageError: a threshold or a duration in the settings cannot be used, or days to come are asked for.
        StoreError: another run holds the store, or the journal cannot be read or written.
    """
    stages.retention(settings.nightly)
    last = order.as_of.astimezone(UTC).date() - _DAY
    for day in (*order.again, *([order.first] if order.first else [])):
        if day > last:
            raise UsageError(f"{day} has not ended yet at {order.as_of:%Y-%m-%dT%H:%MZ}; days are UTC")
    run = _Run(settings, order, listener, last)
    _make_folder(settings)
    lock = WriterLock(settings.store / FOLDER / "lock")
    with lock.held(0) as held:
        if not held:
            raise StoreError(
                f"{settings.store}: another nightly run holds this store (process {lock.writer}); "
                "wait for it to finish"
            )
        crashed = lock.writer
        lock.mark()
        try:
            return run.run(crashed)
        finally:
            lock.clear()


def _make_folder(settings: Settings) -> None:
    folder = settings.store / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreError(f"{folder}: cannot be made: {problem.strerror}") from problem


@dataclass
class _Run:
    """One run in the making."""

    settings: Settings
    order: Order
    listener: Listener
    last: date
    done: list[Stage] = field(default_factory=list)
    worked: bool = False

    def __post_init__(self) -> None:
        nightly = self.settings.nightly
        self._fail_on = thresholds.read(nightly.fail_on, "--fail-on")
        self._notify_when = thresholds.read(nightly.notify_when, "nightly.notify_when")
        self._began = time.monotonic()

    def run(self, crashed: int | None) -> RunSummary:
        self._journal = Journal.read(self.settings.store)
        self._night = self._journal.begin(self.order.as_of.astimezone(UTC).date())
        for day in self.order.again:
            if not self._is_whole(day):
                raise UsageError(f"--again {day}: its lines have left the store (nightly.keep)")
        due = self._journal.due(self.last, self.order.first)
        is_pulled = self._collect(due)
        for day, inputs in self._candidates(due).items():
            if is_pulled or day not in due:
                self._day(day, inputs)
            else:
                self._note(Stage(name="attribute", day=day, state="waiting", detail="for its logs"))
        self._once("tidy", partial(stages.tidy, journal=self._journal, as_of=self.order.as_of))
        if is_pulled and not any(one.name == "attribute" and one.state == "failed" for one in self.done):
            self._journal.looked_to = self.last
        days = self._close()
        return self._finish(days, crashed)

    def _collect(self, due: Sequence[date]) -> bool:
        """Logs and timeline into the store; whether the logs are there."""
        wanted = [*due, *self.order.again, *self._unsettled()]
        since = window_of(min(wanted)).since if wanted else None
        if since is not None:
            if self._night.pulled_since is not None and since < self._night.pulled_since:
                self._night.done = [name for name in self._night.done if name != "pull"]
            self._night.pulled_since = min(since, self._night.pulled_since or since)
            window = Window(since - AROUND, self.order.as_of)
            progress = self.listener.pulling
            self._once("pull", partial(stages.pull_logs, window=window, progress=progress))
        if self.order.is_replay:
            self._note(Stage(name="snapshot", state="skipped", detail="AWS and Kubernetes tell of now only"))
        elif not self.settings.nightly.aws and self.settings.nightly.cluster is False:
            self._note(Stage(name="snapshot", state="skipped", detail="neither is to be asked"))
        else:
            self._once("snapshot", partial(stages.take_snapshot, journal=self._journal))
        self._once("timeline", partial(stages.read_dumps, journal=self._journal))
        return "pull" in self._night.done

    def _once(self, name: Nightly, action: Callable[..., None]) -> None:
        """A stage that comes once a night."""
        if name in self._night.done:
            self._note(Stage(name=name, state="already_done"))
            return
        if self._stage(name, partial(action, settings=self.settings)):
            self._night.done.append(name)
        self._journal.write(self.settings.store)

    def _stage(
        self,
        name: StageName,
        action: Callable[[Stage], None],
        day: date | None = None,
        channel: Channel | None = None,
    ) -> bool:
        """Run one stage; whatever goes wrong is its result."""
        stage = Stage(name=name, day=day, channel=channel)
        self.listener.began(name, day)
        began = time.monotonic()
        try:
            action(stage)
        except ForensicsError as problem:
            stage.state, stage.exit_code, stage.detail = "failed", problem.exit_code, visible(str(problem))
        except Exception as problem:  # noqa: BLE001 - a defect in one stage must not keep the others from their work
            if os.environ.get("FORENSICS_DEBUG"):
                traceback.print_exc()
            told = f"defect: {type(problem).__name__}: {problem}; FORENSICS_DEBUG=1 shows where"
            stage.state, stage.exit_code, stage.detail = "failed", 1, visible(told)
        stage.seconds = round(time.monotonic() - began, 3)
        self.worked = self.worked or stage.state != "skipped"
        self._note(stage)
        return stage.state != "failed"

    def _note(self, stage: Stage) -> None:
        self.done.append(stage)
        self.listener.ended(stage)

    def _candidates(self, due: Sequence[date]) -> dict[date, str]:
        """Days that are, or may be, to be done, with the digest of what they rest on now."""
        is_open = (day for day, entry in self._journal.days.items() if self._is_open(entry))
        days = {*due, *self.order.again, *self._unsettled(), *is_open}
        timeline = read_timeline(store=self.settings.store).frames()
        with Lake.open(self.settings.store) as lake:
            return {day: digest(lake, timeline, day) for day in sorted(days)}

    def _unsettled(self) -> list[date]:
        return self._journal.unsettled(self.last, self.settings.nightly.look_again_days)

    def _is_open(self, entry: Day) -> bool:
        if entry.inputs == GONE:
            return False
        is_unfinished = entry.answer is None or entry.reported != entry.answer or entry.closed != entry.answer
        return is_unfinished or bool(self._channels(entry))

    def _is_whole(self, day: date) -> bool:
        """Whether no line that the day needs has left the store."""
        since, cut = window_of(day).since, self._journal.expired_before
        return since is None or cut is None or since - AROUND >= cut

    def _has_lines(self, day: date) -> bool:
        with Lake.open(self.settings.store) as lake:
            return bool(lake.request_files(window_of(day)))

    def _day(self, day: date, inputs: str) -> None:
        """Answer, page and notifications of one day, as far as they are missing."""
        entry = self._journal.days.setdefault(day, Day())
        is_read_late = entry.inputs is None and self._has_lines(day)
        if self._is_whole(day) or is_read_late:
            self._answer(day, entry, inputs)
        elif entry.inputs is None:
            entry.inputs = GONE
            self._note(
                Stage(name="attribute", day=day, state="skipped", detail="its lines went (nightly.keep)")
            )
        for channel in self._channels(self._journal.days[day]):
            self._stage("notify", partial(self._notify, day=day, channel=channel), day, channel)

    def _answer(self, day: date, entry: Day, inputs: str) -> None:
        with ExitStack() as stack:
            held: list[tuple[Incident, Summary]] = []

            def incident() -> tuple[Incident, Summary]:
                if not held:
                    held.append(stack.enter_context(investigated(day, self.settings, self.order.as_of)))
                return held[0]

            is_again = day in self.order.again
            if (entry.inputs != inputs or is_again) and not self._stage(
                "attribute", lambda stage: self._attribute(stage, day, inputs, *incident()), day
            ):
                return
            if self._journal.days[day].reported != self._journal.days[day].answer or is_again:
                self._stage("report", lambda stage: self._report(stage, day, *incident()), day)

    def _attribute(self, stage: Stage, day: date, inputs: str, incident: Incident, summary: Summary) -> None:
        former = self._journal.days[day]
        entry = answered(former, inputs, incident, summary)
        stage.counts = {"errors": entry.errors, "requests": entry.requests, **entry.by_cause}
        stage.detail = visible(summary.verdict)
        keep_answer(day, incident, summary, self.settings)
        if entry.answer == former.answer:
            stage.detail = f"the same answer as before: {stage.detail}"
        else:
            entry.answered_at = self.order.as_of
            self._journal.count(former.by_cause, entry.by_cause)
        self._journal.days[day] = entry
        self._journal.write(self.settings.store)

    def _report(self, stage: Stage, day: date, incident: Incident, summary: Summary) -> None:
        path = report_file(self.settings, day)
        write_report(incident, summary, path, f"Gateway errors of {day} (UTC)")
        stage.detail = visible(str(path))
        entry = self._journal.days[day]
        entry.reported = entry.answer
        self._journal.write(self.settings.store)

    def _channels(self, entry: Day) -> list[Channel]:
        """Where there is something to say of an answered day that was not said there yet."""
        is_worth_it = any(one.holds(entry.by_cause) for one in self._notify_when)
        return [
            channel
            for channel in self.settings.nightly.channels
            if entry.said is not None
            and entry.sent.get(channel) != entry.said
            and (is_worth_it or channel in entry.sent or channel in entry.sending)
        ]

    def _notify(self, stage: Stage, day: date, channel: Channel) -> None:
        entry = self._journal.days[day]
        told = notice(day, entry, channel, self.settings)
        said = entry.said or ""
        entry.sending[channel] = said
        self._journal.write(self.settings.store)
        try:
            remark = send(told, channel, self.settings.nightly)
        except DeliveryError as problem:
            if not problem.may_have_arrived:
                del entry.sending[channel]
                self._journal.write(self.settings.store)
            raise
        entry.sent[channel] = said
        del entry.sending[channel]
        self._journal.write(self.settings.store)
        stage.detail = visible(remark) if remark else "sent"

    def _close(self) -> list[DayAnswer]:
        """Count the days with a new answer against ``fail_on``, each once."""
        is_hidden = hides_findings(self.done)
        found: list[DayAnswer] = []
        for day, entry in sorted(self._journal.days.items()):
            if entry.answer is None or entry.closed == entry.answer:
                continue
            exceeded = [one.text for one in self._fail_on if one.holds(entry.by_cause)]
            path = report_file(self.settings, day)
            found.append(
                DayAnswer(
                    day=day,
                    errors=entry.errors,
                    requests=entry.requests,
                    by_cause=entry.by_cause,
                    is_incomplete=entry.is_incomplete,
                    is_correction=entry.closed is not None,
                    exceeded=exceeded,
                    report=str(path) if entry.reported == entry.answer else None,
                )
            )
            if not (exceeded and is_hidden):
                entry.closed = entry.answer
        return found

    def _finish(self, days: list[DayAnswer], crashed: int | None) -> RunSummary:
        is_idle = not self.worked and not days and "metrics" in self._night.done
        code = exit_code(self.done, days)
        store_bytes = stages.size(self.settings.store)
        if not is_idle:
            if not any(stage.state in {"failed", "waiting"} for stage in self.done):
                self._journal.succeeded_at = self.order.as_of
            facts = self._facts(code, store_bytes)
            self._night.done = [name for name in self._night.done if name != "metrics"]
            if self._stage("metrics", lambda stage: self._tell_monitoring(stage, facts)):
                self._night.done.append("metrics")
            code = exit_code(self.done, days)
            self._journal.write(self.settings.store)
        is_undone = any(stage.state in {"failed", "waiting"} for stage in self.done)
        summary = RunSummary(
            tool=f"forensics {__version__}",
            night=self._night.date,
            as_of=self.order.as_of,
            state="failed" if is_undone else "nothing_to_do" if is_idle else "done",
            exit_code=code,
            seconds=round(time.monotonic() - self._began, 3),
            resumed_after=crashed,
            days=days,
            stages=self.done,
            store_bytes=store_bytes,
        )
        if not is_idle:
            with whole_file(self.settings.store / FOLDER / "last-run.json") as file:
                file.write(summary.model_dump_json(indent=1).encode())
        return summary

    def _tell_monitoring(self, stage: Stage, facts: RunFacts) -> None:
        stages.tell_monitoring(stage, self.settings.nightly, facts)

    def _facts(self, code: int, store_bytes: int) -> RunFacts:
        answered_days = {day: one for day, one in self._journal.days.items() if one.answer is not None}
        newest = max(answered_days, default=None)
        spent: dict[str, float] = {}
        for stage in self.done:
            spent[stage.name] = spent.get(stage.name, 0.0) + stage.seconds
        pulled = next((stage.counts for stage in self.done if stage.name == "pull"), {})
        succeeded = self._journal.succeeded_at
        start = window_of(newest).since if newest else None
        return RunFacts(
            errors=stages.of_every_cause(self._journal.totals),
            last_day_errors=stages.of_every_cause(answered_days[newest].by_cause if newest else {}),
            finished_at=self.order.as_of.timestamp(),
            succeeded_at=succeeded.timestamp() if succeeded else None,
            seconds=time.monotonic() - self._began,
            exit_code=code,
            stage_seconds=spent,
            open_days=sum(self._is_open(entry) for entry in self._journal.days.values()),
            newest_day=start.timestamp() if start else None,
            store_bytes=store_bytes,
            lines=pulled.get("lines", 0),
            rejected=pulled.get("rejected_lines", 0),
        )
