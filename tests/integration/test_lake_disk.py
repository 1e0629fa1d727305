"""Full disks, read-only disks, two writers: a sentence, the old state intact, and the next run completes."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.ingest.check import check
from pipeline.ingest.lake import Lake
from tests.integration.test_lake_crashes import pulling
from tests.support.lake_runs import ROOT, Feed, Order, Outcome, Runner, contents, differences

# Root writes where it may not, unless it gives up the right to (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH).
_WITHOUT_OVERRIDE = """
import ctypes, os, sys
if os.geteuid() == 0:
    for capability in (1, 2):
        assert ctypes.CDLL(None, use_errno=True).prctl(24, capability, 0, 0, 0) == 0, ctypes.get_errno()
os.execv(sys.executable, [sys.executable, "-m", "pipeline", *sys.argv[1:]])
"""


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, cwd=ROOT, timeout=120
    )


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as started:
        yield started


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path / "logs", objects=40, flood=500)


@contextmanager
def disk_of(size: int, place: Path) -> Iterator[int]:
    """A disk of that size; where none may be mounted, the size of a file that stands in for it."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "forensics", str(place)],
        check=False,
        capture_output=True,
    )
    try:
        yield size // 4 if mounted.returncode else 0
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(place)], check=True)


def assert_refused_for_space(outcome: Outcome, store: Path) -> None:
    assert outcome.code == 1, outcome.stderr
    assert str(store) in outcome.stderr
    where = ("is the store full or read-only?", "cannot write the ledger", "cannot be written: No space left")
    assert any(sentence in outcome.stderr for sentence in where), outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "defect" not in outcome.stderr


def assert_old_state_is_whole(store: Path, before: dict[str, pa.Table]) -> None:
    """What was committed is there, checked to the byte; nothing lies about that does not count."""
    with Lake.open(store) as lake:
        assert check(lake).findings == []
        assert set(lake.present_files()) == lake.known_files()
    known = contents(store)["objects"].column("object_key").to_pylist()
    assert set(before["objects"].column("object_key").to_pylist()) <= set(known)


@pytest.mark.parametrize("limit", [3_000, 40_000, 120_000])
def test_a_file_that_cannot_grow_leaves_the_old_state_and_the_next_run_completes(
    runner: Runner, feed: Feed, tmp_path: Path, limit: int
) -> None:
    store, undisturbed = tmp_path / "store", tmp_path / "undisturbed"
    feed.show(0)
    words = pulling(feed, store)
    runner.finish(Order(words))
    runner.finish(Order(pulling(feed, undisturbed)))
    before = contents(store)
    feed.show(1)
    assert_refused_for_space(runner.run(Order(words, file_bytes=limit)), store)
    assert_old_state_is_whole(store, before)
    runner.finish(Order(words))
    runner.finish(Order(pulling(feed, undisturbed)))
    assert differences(contents(store), contents(undisturbed)) == []


@pytest.mark.parametrize("size", [300_000, 600_000])
def test_a_full_disk_leaves_the_old_state_and_a_larger_one_completes(
    runner: Runner, feed: Feed, tmp_path: Path, size: int
) -> None:
    feed.show(0)
    with disk_of(size, tmp_path / "disk") as file_bytes:
        store = tmp_path / "disk" / "store"
        small = Feed(tmp_path / "few", objects=3, flood=1)
        small.show(0)
        runner.finish(Order(pulling(small, store)))
        before = contents(store)
        for _ in range(3):
            outcome = runner.run(Order(pulling(feed, store), file_bytes=file_bytes, batch_rows=100))
            assert_refused_for_space(outcome, store)
            assert_old_state_is_whole(store, before)
        shutil.copytree(store, tmp_path / "larger")
    runner.finish(Order(pulling(feed, tmp_path / "larger")))
    for one in (small, feed):
        runner.finish(Order(pulling(one, tmp_path / "undisturbed")))
    assert differences(contents(tmp_path / "larger"), contents(tmp_path / "undisturbed")) == []


def test_a_store_that_may_only_be_read_answers_and_refuses_to_be_written(
    runner: Runner, feed: Feed, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    feed.show(0)
    runner.finish(Order(pulling(feed, store)))
    before = contents(store)
    _set_mode(store, 0o555, 0o444)
    try:
        refused = python("-c", _WITHOUT_OVERRIDE, *pulling(feed, store))
        answered = python(
            *("-c", _WITHOUT_OVERRIDE, "sql", "select count(*) as n from requests", "--store", str(store))
        )
    finally:
        _set_mode(store, 0o755, 0o644)
    assert refused.returncode == 1
    assert f"{store}: the store cannot be written: Permission denied" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert str(before["requests"].num_rows) in answered.stdout.replace(",", ""), answered.stderr
    assert differences(contents(store), before) == []


def test_a_place_where_no_store_can_be_made_is_named(feed: Feed, tmp_path: Path) -> None:
    feed.show(0)
    closed = tmp_path / "closed"
    closed.mkdir(0o555)
    refused = python("-c", _WITHOUT_OVERRIDE, *pulling(feed, closed / "store"))
    assert refused.returncode == 1
    assert f"{closed / 'store'}: cannot be used as a store: Permission denied" in refused.stderr


def _set_mode(store: Path, folder: int, file: int) -> None:
    for place, folders, names in os.walk(store):
        for name in names:
            os.chmod(Path(place, name), file)  # noqa: PTH101 - beside the walk
        for name in folders:
            os.chmod(Path(place, name), folder)  # noqa: PTH101 - beside the walk
    store.chmod(folder)
    assert stat.S_IMODE(store.stat().st_mode) == folder


def test_two_pulls_at_once_make_the_lake_of_one(runner: Runner, feed: Feed, tmp_path: Path) -> None:
    feed.show(0)
    runner.finish(Order(pulling(feed, tmp_path / "one")))
    store = tmp_path / "two"
    words = [sys.executable, "-m", "pipeline", *pulling(feed, store)]
    both = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True)
        for _ in range(2)
    ]
    ends = [(process.communicate(timeout=120), process.returncode) for process in both]
    for (_, errors), code in ends:
        assert code in {0, 6} or "another process is writing to this store" in errors
    assert 6 in [code for _, code in ends]
    assert differences(contents(store), contents(tmp_path / "one")) == []
