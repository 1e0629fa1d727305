"""Killed at any instant, run again: the lake is that of a run which nobody disturbed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.ingest.check import check
from pipeline.ingest.lake import Lake
from tests.support.lake_runs import ROOT, Feed, Order, Runner, contents, differences

COMPACT = ["lake", "compact", "--min-files", "2", "--store"]
EXPIRE = ["lake", "expire", "--older-than", "2026-03-02T12:00:00Z", "--store"]


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as started:
        yield started


def pulling(feed: Feed, store: Path) -> list[str]:
    return ["pull", "--logs", str(feed.folder), "--store", str(store), "-q", "--max-reject-share", "1"]


def assert_sound(store: Path) -> None:
    """Whatever the instant of the crash: what is in the lake is whole."""
    with Lake.open(store) as lake:
        assert check(lake).findings == []


class Episodes:
    """Fresh stores, each pulled through all states of the feed under fire; counts the kills."""

    def __init__(self, runner: Runner, folder: Path, seed: int, flood: int, batch_rows: int) -> None:
        self.runner = runner
        self.folder = folder
        self.feed = Feed(folder / "logs", flood=flood)
        self.batch_rows = batch_rows
        self.rng = random.Random(seed)  # noqa: S311 - instants to kill at
        self.kills = {"pull": 0, "compact": 0}
        self.seconds = []
        self.wanted = []
        for state in range(Feed.ROUNDS):
            self.feed.show(state)
            store = folder / "undisturbed"
            self.seconds.append(runner.finish(self.order(pulling(self.feed, store))))
            self.wanted.append(contents(store))
        copy = folder / "for measuring"
        shutil.copytree(folder / "undisturbed", copy)
        self.compact_s = runner.finish(Order([*COMPACT, str(copy)]))
        assert differences(contents(copy), self.wanted[-1]) == []

    def order(self, words: list[str], kill_after_s: float | None = None) -> Order:
        keeps = kill_after_s is None or self.rng.random() < 0.5
        return Order(words, kill_after_s, batch_rows=self.batch_rows, keeps_retired=keeps)

    def run(self, kills_per_state: int) -> None:
        store = self.folder / "disturbed"
        for state, wanted in enumerate(self.wanted):
            self.feed.show(state)
            words = pulling(self.feed, store)
            self._fire(words, store, self.seconds[state], kills_per_state)
            self.runner.finish(self.order(words))
            assert differences(contents(store), wanted) == []
        self._fire([*COMPACT, str(store)], store, self.compact_s, kills_per_state)
        self.runner.finish(Order([*COMPACT, str(store)]))
        self.runner.finish(Order(pulling(self.feed, store)))
        assert differences(contents(store), self.wanted[-1]) == []
        assert_sound(store)
        shutil.rmtree(store)

    def _fire(self, words: list[str], store: Path, seconds: float, times: int) -> None:
        kind = "compact" if "compact" in words else "pull"
        for _ in range(times):
            outcome = self.runner.run(self.order(words, self.rng.random() * seconds))
            assert outcome.code in {-9, 0, 6}, outcome
            self.kills[kind] += outcome.code == -9
            if (store / "ledger.sqlite").exists() and self.rng.random() < 0.5:
                assert_sound(store)


@pytest.mark.parametrize(
    ("kills", "flood", "batch_rows"), [(25, 50, 400), pytest.param(200, 20_000, 0, marks=pytest.mark.long)]
)
def test_runs_killed_at_random_instants_leave_the_lake_of_an_undisturbed_run(
    runner: Runner, tmp_path: Path, kills: int, flood: int, batch_rows: int
) -> None:
    episodes = Episodes(runner, tmp_path, kills, flood, batch_rows)
    while sum(episodes.kills.values()) < kills:
        episodes.run(kills_per_state=3 if kills < 100 else 6)
    print(f"killed: {episodes.kills}")
    assert min(episodes.kills.values()) > 0


@pytest.mark.parametrize(
    "kills", [2, pytest.param(20, marks=pytest.mark.long)], ids=lambda kills: f"{kills} kills"
)
def test_the_installed_command_killed_while_it_writes_goes_on_where_it_was(
    runner: Runner, tmp_path: Path, kills: int
) -> None:
    feed = Feed(tmp_path / "logs")
    feed.show(0)
    runner.finish(Order(pulling(feed, tmp_path / "undisturbed")))
    wanted = contents(tmp_path / "undisturbed")
    rng = random.Random(kills)  # noqa: S311 - instants to kill at
    done = 0
    while done < kills:
        store = tmp_path / f"store-{done}"
        done += _killed_while_writing(pulling(feed, store), store, rng.random() * 0.4)
        assert_sound(store)
        runner.finish(Order(pulling(feed, store)))
        assert differences(contents(store), wanted) == []


def _killed_while_writing(words: list[str], store: Path, after_s: float) -> bool:
    """Was the command killed, so long after it had taken the store for writing?"""
    lock = store / "lock"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *words], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    while process.poll() is None and not (lock.exists() and lock.stat().st_size):
        time.sleep(0.002)
    time.sleep(after_s)
    process.kill()
    return process.wait() == -signal.SIGKILL


def _steps(runner: Runner, stride: int, order: Order, prepared: Path, store: Path) -> Iterator[int]:
    """Every n-th step of a run that starts from a prepared store, the run having died there."""
    step = 1
    while True:
        if store.exists():
            shutil.rmtree(store)
        if prepared.exists():
            shutil.copytree(prepared, store)
        outcome = runner.run(Order(**{**vars(order), "die_at": step}))
        if outcome.code != -9:
            assert outcome.code in {0, 6}, outcome
            return
        yield step
        step += stride


@pytest.mark.parametrize("stride", [23, pytest.param(1, marks=pytest.mark.long)])
def test_dying_at_a_step_of_a_pull_leaves_the_old_state_or_the_new(
    runner: Runner, tmp_path: Path, stride: int
) -> None:
    feed = Feed(tmp_path / "logs", objects=12, flood=30)
    prepared, store = tmp_path / "prepared", tmp_path / "store"
    for state in (0, 1):
        feed.show(state)
        runner.finish(Order(pulling(feed, prepared)))
        if state == 0:
            shutil.copytree(prepared, tmp_path / "before")
    wanted = contents(prepared)
    words = pulling(feed, store)
    died = 0
    for _ in _steps(
        runner, stride, Order(words, batch_rows=60, keeps_retired=False), tmp_path / "before", store
    ):
        died += 1
        if died % 2:
            assert_sound(store)
        runner.finish(Order(words))
        assert differences(contents(store), wanted) == []
    print(f"died at {died} steps of a pull")
    assert died > 100 / stride


@pytest.mark.parametrize("stride", [17, pytest.param(1, marks=pytest.mark.long)])
def test_dying_at_a_step_of_compaction_or_expiry_leaves_the_old_state_or_the_new(
    runner: Runner, tmp_path: Path, stride: int
) -> None:
    feed = Feed(tmp_path / "logs", objects=40, flood=5)
    prepared, store = tmp_path / "prepared", tmp_path / "store"
    for state in range(Feed.ROUNDS):
        feed.show(state)
        runner.finish(Order(pulling(feed, prepared), batch_rows=300))
    for words in ([*COMPACT, str(store)], [*EXPIRE, str(store)]):
        shutil.copytree(prepared, store)
        runner.finish(Order(words))
        wanted = contents(store)
        died = 0
        for _ in _steps(runner, stride, Order(words, keeps_retired=False), prepared, store):
            died += 1
            assert_sound(store)
            runner.finish(Order(words))
            assert differences(contents(store), wanted) == []
        print(f"died at {died} steps of {words[1]}")
        assert died > 20 / stride
        shutil.rmtree(store)


def test_leftovers_of_a_crash_are_gone_after_the_next_run(runner: Runner, tmp_path: Path) -> None:
    feed = Feed(tmp_path / "logs", objects=12, flood=30)
    feed.show(0)
    words = pulling(feed, tmp_path / "store")
    seen = 0
    for step in range(40, 120, 10):
        runner.run(Order(words, die_at=step, batch_rows=60))
        seen += sum(
            name.endswith((".tmp", ".parquet")) for _, _, names in os.walk(tmp_path) for name in names
        )
    assert seen
    runner.finish(Order(words))
    with Lake.open(tmp_path / "store") as lake:
        assert set(lake.present_files()) == lake.known_files()
