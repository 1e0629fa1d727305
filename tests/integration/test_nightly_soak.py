"""Many nights in a row, with everything that goes wrong in them: the answers equal those of one big run.

Each night something fails: S3, the dumps of AWS, the disk, the process, a receiver. Logs come late and twice,
hours rotate out of the store. The numbers per night are printed; size is compared, time is not.
"""

import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipeline.ingest.check import check
from pipeline.ingest.lake import Lake
from pipeline.usecases.nightly_journal import Journal
from tests.support.lake_runs import Order, Outcome, Runner
from tests.support.nightly_runs import Receivers, receivers
from tests.support.nights import Days, Place, day, differences, night_after, verdicts

KEEP_D = 5
LOOK_AGAIN_D = 3
"""Objects come two nights late."""
ALIKE = 0.02
"""Probabilities move by this: rates count the events of all days in the store, later ones too."""
FAULTS = ("none", "s3", "none", "aws", "process", "none", "disk", "receiver")
IN_A_ROW = ("none", "s3", "aws", "process", "disk", "receiver")
"""No night in peace between two that fail."""


@dataclass
class Soak:
    """A store, night after night.

    Attributes:
        faults: what fails in which night, over and over.
        seen: the last verdicts of every day, also of days that have left the store.
        sizes: bytes of the store after each night.
        seconds: time of each night.
    """

    days: Days
    here: Place
    runner: Runner
    outside: Receivers
    faults: Sequence[str]
    seed: int = 3
    seen: dict[str, pl.DataFrame] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def run(self, count: int) -> None:
        """All nights, and one after them that finds everything in order."""
        for number in range(count):
            self.deliver(number)
            self.night(number, self.faults[number % len(self.faults)])
        for late in (count - 2, count - 1):
            self.days.deliver_logs(late, self.here, late=True)
        self.days.deliver_dumps([*range(max(count - 4, 0), count)], self.here)
        self.night(count, "none")
        assert self.codes[-1] == 0

    def deliver(self, number: int) -> None:
        """The day's logs, late ones of two days ago; dumps of the last days, unless AWS was out."""
        self.days.deliver_logs(number, self.here, late=False)
        if number >= 2:
            self.days.deliver_logs(number - 2, self.here, late=True)
        newest = number - (self.faults[number % len(self.faults)] == "aws")
        self.days.deliver_dumps([*range(max(newest - 3, 0), newest + 1)], self.here)

    def night(self, number: int, fault: str) -> None:
        """One night with its fault."""
        rng = random.Random(self.seed * 1000 + number)  # noqa: S311 - faults
        self.outside.status["webhook"] = 500 if fault == "receiver" else 200
        logs = "s3://gone/prefix" if fault == "s3" else str(self.here.logs)
        ended = self.runner.run(
            Order(
                [
                    *("nightly", "--logs", logs, "--timeline", str(self.here.timeline), "-q"),
                    *("--store", str(self.here.store), "--as-of", night_after(number)),
                ],
                die_at=rng.randrange(200, 400) if fault == "process" else 0,
                counts_statements=False,
                file_bytes=rng.choice([5_000, 400_000]) if fault == "disk" else 0,
                keeps_retired=False,
            )
        )
        self.note(number, fault, ended)

    def note(self, number: int, fault: str, ended: Outcome) -> None:
        """Remember and print what became of it; only faults may fail."""
        assert (ended.code in {0, 6}) or fault != "none", ended.stderr
        assert "defect" not in ended.stderr
        self.seen |= verdicts(self.here.store)
        self.codes.append(ended.code)
        self.seconds.append(ended.seconds)
        self.sizes.append(sum(path.stat().st_size for path in self.here.store.rglob("*") if path.is_file()))
        size = self.sizes[-1] / 1e6
        print(f"night {number:3} {fault:8} code {ended.code:3} {ended.seconds:6.1f} s {size:7.1f} MB")


@pytest.fixture
def soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Soak]:
    """The days of the test, generated; a process that runs the nights."""
    count, faults = request.param
    days = Days(tmp_path / "days", count)
    days.write()
    with receivers() as outside:
        settings = outside.environment() | {
            "FORENSICS_NIGHTLY__LOOK_AGAIN_DAYS": str(LOOK_AGAIN_D),
            "FORENSICS_NIGHTLY__KEEP": f"{KEEP_D}d",
            "FORENSICS_NIGHTLY__KEEP_REPORTS": f"{KEEP_D}d",
            "FORENSICS_NIGHTLY__METRICS_FILE": str(tmp_path / "forensics.prom"),
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_REGION": "eu-west-1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        with Runner() as runner:
            yield Soak(days, Place(tmp_path / "nights"), runner, outside, faults)


def in_one(days: Days, root: Path, runner: Runner) -> Place:
    """A store that was given everything at once."""
    here = Place(root)
    for number in range(days.count):
        days.deliver_logs(number, here, late=False)
        days.deliver_logs(number, here, late=True)
    days.deliver_dumps([*range(days.count)], here)
    run = runner.run(
        Order(
            [
                *("nightly", "--logs", str(here.logs), "--timeline", str(here.timeline), "-q"),
                *("--store", str(here.store), "--as-of", night_after(days.count - 1)),
                *("--since", str(day(0))),
            ]
        )
    )
    assert run.code == 0, run.stderr
    return here


def assert_equal_to_one_big_run(soak: Soak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEEP", "KEEP_REPORTS", "WEBHOOK_URL", "SLACK_URL", "MAIL__TO"):
        monkeypatch.delenv(f"FORENSICS_NIGHTLY__{name}")
    with Runner() as runner:
        big = in_one(soak.days, tmp_path / "big", runner)
    wanted = verdicts(big.store)
    assert differences({name: soak.seen[name] for name in wanted}, wanted, ALIKE) == []
    assert {name: rows.height for name, rows in wanted.items()} == {
        str(one): errors for one, errors in soak.days.errors.items()
    }


def assert_everything_was_told_once(soak: Soak) -> None:
    told = soak.outside.told
    last = {one["day"]: one for one in told}
    for one, errors in soak.days.errors.items():
        assert last[str(one)]["errors"] == errors
    keys = [one["key"] for one in told]
    repeats = sum("may have arrived before" in post.body for post in soak.outside.posts["slack"])
    assert len(keys) - len(set(keys)) <= repeats
    first = [one["day"] for one in told if not one["is_correction"]]
    assert len(set(first)) == soak.days.count


def assert_sound(soak: Soak) -> None:
    with Lake.open(soak.here.store) as lake:
        assert check(lake).findings == []
    journal = Journal.read(soak.here.store)
    assert all(entry.reported == entry.answer == entry.closed for entry in journal.days.values())
    assert not any(entry.sending for entry in journal.days.values())
    assert sum(journal.totals.values()) >= sum(soak.days.errors.values())


@pytest.mark.long
@pytest.mark.parametrize("soak", [(6, IN_A_ROW)], indirect=True)
def test_six_nights_of_which_five_fail_equal_one_big_run(
    soak: Soak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soak.run(6)
    assert {1, 4, 7} <= set(soak.codes)
    assert_sound(soak)
    assert_everything_was_told_once(soak)
    assert_equal_to_one_big_run(soak, tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("soak", [(60, FAULTS)], indirect=True)
def test_sixty_nights_with_faults_equal_one_big_run_and_the_store_stays_flat(
    soak: Soak, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soak.run(60)
    assert_sound(soak)
    assert_everything_was_told_once(soak)
    full = 2 * KEEP_D + LOOK_AGAIN_D  # timeline goes a week after the logs
    early, late = soak.sizes[full : full + 10], soak.sizes[-10:]
    print(f"store {statistics.median(early) / 1e6:.1f} MB, later {statistics.median(late) / 1e6:.1f} MB")
    times = [statistics.median(part) for part in (soak.seconds[20:30], soak.seconds[-10:])]
    print(f"night {times[0]:.1f} s, later {times[1]:.1f} s")
    assert statistics.median(late) < 1.2 * statistics.median(early)
    assert min(Journal.read(soak.here.store).days) > date.fromordinal(day(60).toordinal() - KEEP_D - 3)
    assert_equal_to_one_big_run(soak, tmp_path, monkeypatch)
