"""Killed at any step, stopped by a full disk, run again: nothing is lost and nothing is doubled."""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.ingest.check import check
from pipeline.ingest.lake import Lake
from pipeline.usecases.nightly_journal import Journal
from tests.support.lake_runs import Order, Outcome, Runner
from tests.support.nightly_runs import Receivers, receivers
from tests.support.nights import Days, Place, day, differences, night_after, verdicts

KILLED = -9
PULLING, ENDED = 215, 350
"""About so many steps that touch the disk are the lake's own, and more than a night has."""


@dataclass
class Nights:
    """The state after the first night, and the second night as an order for a process."""

    root: Path
    before: Path
    runner: Runner
    outside: Receivers
    order: Order

    def run(self, store: Path, **how: Any) -> Outcome:  # noqa: ANN401 - fields of an order
        words = [str(store) if word == "STORE" else word for word in self.order.words]
        return self.runner.run(replace(self.order, words=words, **how))

    def fresh(self, name: str) -> Path:
        """A copy of the store after the first night; receivers forget what they got."""
        store = self.root / name
        shutil.copytree(self.before, store)
        self.forget()
        return store

    def forget(self) -> None:
        for posts in self.outside.posts.values():
            posts.clear()
        self.outside.mail.messages.clear()


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    root = tmp_path_factory.mktemp("crashes")
    days, here = Days(root / "days", 2), Place(root)
    days.write()
    with pytest.MonkeyPatch.context() as patched, receivers() as outside:
        for name, value in outside.environment().items():
            patched.setenv(name, value)
        patched.setenv("FORENSICS_NIGHTLY__METRICS_FILE", str(root / "metrics.prom"))
        words = ["nightly", "--logs", str(here.logs), "--timeline", str(here.timeline), "--store", "STORE"]
        with Runner() as runner:
            order = Order([*words, "--as-of", night_after(0)], keeps_retired=False)
            made = Nights(root, root / "before", runner, outside, order)
            days.deliver_logs(0, here, late=False)
            days.deliver_dumps([0], here)
            first = made.run(made.before)
            assert first.code == 0, first.stderr
            days.deliver_logs(0, here, late=True)
            days.deliver_logs(1, here, late=False)
            days.deliver_dumps([0, 1], here)
            made.order = replace(order, words=[*words, "--as-of", night_after(1)])
            yield made


@pytest.fixture(scope="module")
def undisturbed(nights: Nights) -> tuple[Path, list[dict[str, Any]]]:
    """The second night as nobody disturbed it, and what it told."""
    store = nights.fresh("undisturbed")
    run = nights.run(store)
    assert run.code == 0, run.stderr
    return store, nights.outside.told


def remembered(store: Path) -> dict[str, Any]:
    """The journal, without the digest of what AWS told when."""
    return json.loads(Journal.read(store).model_dump_json())  # type: ignore[no-any-return]  # a JSON object


def assert_the_same(
    nights: Nights, store: Path, undisturbed: tuple[Path, list[dict[str, Any]]], how: str
) -> None:
    wanted, told = undisturbed
    assert differences(verdicts(store), verdicts(wanted)) == [], how
    assert remembered(store) == remembered(wanted), how
    with Lake.open(store) as lake:
        assert check(lake).findings == [], how
    for number in range(2):
        assert (store / "nightly" / "reports" / f"{day(number)}.html").exists(), how
    by_key = {one["key"]: one for one in nights.outside.told}
    assert by_key == {one["key"]: one | {"report": by_key[one["key"]]["report"]} for one in told}, how
    # Only a death between a post and its note doubles it, and then the second says so.
    posts = nights.outside.posts["slack"]
    assert sum("may have arrived before" not in one.body for one in posts) <= len(told) <= len(posts), how
    assert {str(one["Message-ID"]) for one in nights.outside.mail.messages} == {
        f"<{key}@forensics.invalid>" for key in by_key
    }, how


def fire(nights: Nights, undisturbed: tuple[Path, list[dict[str, Any]]], steps: list[int]) -> int:
    """Die at each of the steps, run again, compare; returns how often it really died."""
    died = 0
    for step in steps:
        store = nights.fresh(f"step-{step}")
        ended = nights.run(store, die_at=step, counts_statements=False)
        assert ended.code in {KILLED, 0}, ended.stderr
        died += ended.code == KILLED
        again = nights.run(store)
        assert again.code == 0, (step, again.stderr)
        assert_the_same(nights, store, undisturbed, f"step {step}")
        shutil.rmtree(store)
    return died


def test_a_night_killed_at_any_step_is_finished_by_the_next_run(
    nights: Nights, undisturbed: tuple[Path, list[dict[str, Any]]]
) -> None:
    rng = random.Random(5)  # noqa: S311 - steps to die at
    steps = [*rng.sample(range(1, PULLING), 1), *rng.sample(range(PULLING, ENDED - 20), 4)]
    assert fire(nights, undisturbed, steps) >= 4


@pytest.mark.long
def test_a_night_killed_at_every_third_of_its_own_steps_is_finished_by_the_next_run(
    nights: Nights, undisturbed: tuple[Path, list[dict[str, Any]]]
) -> None:
    steps = [*range(1, PULLING, 25), *range(PULLING, ENDED, 3)]
    assert fire(nights, undisturbed, steps) > 30


@pytest.mark.parametrize("size", [1_000, 60_000, 1_000_000])
def test_a_disk_that_takes_no_more_fails_the_night_and_the_next_run_completes_it(
    nights: Nights, undisturbed: tuple[Path, list[dict[str, Any]]], size: int
) -> None:
    store = nights.fresh(f"disk-{size}")
    full = nights.run(store, file_bytes=size)
    assert full.code not in {0, KILLED}, full.stderr
    assert "Traceback" not in full.stderr
    again = nights.run(store)
    assert again.code == 0, again.stderr
    wanted, _ = undisturbed
    assert differences(verdicts(store), verdicts(wanted)) == []
    with Lake.open(store) as lake:
        assert check(lake).findings == []
    assert len({one["key"] for one in nights.outside.told}) == len(nights.outside.told)
    shutil.rmtree(store)
