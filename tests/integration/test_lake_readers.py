"""Readers see committed states only, while pulls, compactions and expiries go on."""

import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.ingest import lake as lake_module
from pipeline.ingest.compaction import compact
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.ingest.retention import expire
from pipeline.model import Window
from tests.support.alb_lines import START
from tests.support.lake_runs import Feed

EVER = Window()


def files_of_rows(lake: Lake) -> list[str]:
    """Files that hold every line that became a row once."""
    return [*lake.request_files(EVER), *lake.connection_files(EVER), *lake.health_check_files(EVER)]


class Reader(threading.Thread):
    """Asks again and again; a failure or a state that never was ends it."""

    def __init__(self, store: Path) -> None:
        super().__init__()
        self.store = store
        self.over = threading.Event()
        self.looks = 0
        self.seen: set[int] = set()
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self.look()
        except Exception as problem:  # noqa: BLE001 - told by the test's own thread
            self.failure = problem

    def look(self) -> None:
        with Lake.open(self.store) as lake:
            with lake.snapshot():
                files, errors, rejects = files_of_rows(lake), lake.error_files(EVER), lake.rejected_files()
                ((rows, rejected),) = lake.ledger.ask(
                    "select sum(rows - expired_rows), sum(rejected - expired_rejected) from objects"
                )
            found = sum(pq.read_table(file, columns=["time"], partitioning=None).num_rows for file in files)
            if found != (rows or 0):
                raise AssertionError(f"{found} rows in the files, {rows} committed")
            if sum(pq.read_metadata(file).num_rows for file in rejects) != (rejected or 0):
                raise AssertionError("rejected lines differ from what was committed")
            for file in errors:
                pq.read_table(file, partitioning=None)
            self.seen.add(found)
            self.looks += 1


def test_readers_see_committed_states_while_writers_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.ingest.batch.ROWS", 200)
    feed = Feed(tmp_path / "logs", objects=40, flood=20)
    store = tmp_path / "store"
    Lake.open(store).__exit__(None, None, None)
    readers = [Reader(store) for _ in range(2)]
    for reader in readers:
        reader.start()
    with Lake.open(store) as lake:
        for turn in range(6):
            feed.show(turn % Feed.ROUNDS)
            pull(str(feed.folder), lake, EVER)
            assert compact(lake, min_files=2).files_before > 0
        assert expire(lake, START.replace(hour=13)).files > 0
    for reader in readers:
        reader.over.set()
        reader.join()
    assert [reader.failure for reader in readers] == [None, None]
    assert all(reader.looks > 5 for reader in readers)
    assert all(len(reader.seen) > 2 for reader in readers)


def test_a_list_of_files_stays_good_after_compaction_and_expiry(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "logs", objects=40, flood=20)
    with Lake.open(tmp_path / "store") as lake:
        for state in range(Feed.ROUNDS):
            feed.show(state)
            pull(str(feed.folder), lake, EVER)
        held = lake.request_files(EVER)
        rows = sum(pq.read_metadata(file).num_rows for file in held)
        assert compact(lake, min_files=2).files_before > 0
        assert expire(lake, START.replace(hour=13)).rows > 0
        pull(str(feed.folder), lake, EVER)
        assert sum(pq.read_metadata(file).num_rows for file in held) == rows
        assert set(held) - set(lake.request_files(EVER))


def test_retired_files_leave_the_disk_after_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed(tmp_path / "logs", objects=40, flood=20)
    with Lake.open(tmp_path / "store") as lake:
        for state in range(Feed.ROUNDS):
            feed.show(state)
            pull(str(feed.folder), lake, EVER)
        compact(lake, min_files=2)
        assert len([*lake.present_files()]) > len({*files_of_rows(lake), *lake.error_files(EVER)}) + 1
        monkeypatch.setattr(lake_module, "_GRACE_US", 0)
        pull(str(feed.folder), lake, EVER)
        listed = {*files_of_rows(lake), *lake.error_files(EVER), *lake.rejected_files()}
        assert {str(lake.root / path) for path in lake.present_files()} == listed
        assert lake.ledger.ask("select count(*) from retired_files") == [(0,)]
