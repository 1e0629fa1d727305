"""The files of a watch: whole lines whatever happens, an hour each, and marks that never claim too much."""

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.timeline import watch_journal
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.kubernetes_api import RESOURCES
from pipeline.timeline.watch_journal import Journal, expire
from pipeline.timeline.watch_marks import Mark, as_line, read_mark
from tests.support.kubernetes_dumps import pod

PODS = RESOURCES[0]
START = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


class Clock:
    """The journal's time of day, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        monkeypatch.setattr(Journal, "_now", staticmethod(lambda: self.now))

    def after(self, **span: float) -> datetime:
        self.now = START + timedelta(**span)
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def journal(folder: Path, cluster: str = "c") -> Journal:
    return Journal(folder, PODS, cluster)


def write(one: Journal, name: str) -> None:
    one.write("ADDED", pod(name))


def abandon(killed: Journal) -> None:
    """What the operating system does for a killed process."""
    assert killed._file is not None
    killed._file.close()


def lines(folder: Path) -> list[list[dict[str, Any]]]:
    return [
        [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        for path in sorted(folder.glob("pods-*.jsonl.gz"))
    ]


def spans(folder: Path) -> list[tuple[datetime, datetime]]:
    return read_timeline(folder).coverage.filter(source="pods").select("covered_from", "covered_to").rows()


def test_a_new_file_begins_every_hour_and_the_spans_join(tmp_path: Path, clock: Clock) -> None:
    one = journal(tmp_path)
    one.begin(START)
    write(one, "a")
    assert not one.observed(clock.after(minutes=1), "1")
    assert one.observed(clock.after(minutes=61), "2")
    write(one, "b")
    assert one.observed(clock.after(minutes=130), "3")
    one.close()
    assert [[line["type"] for line in file] for file in lines(tmp_path)] == [
        ["BOOKMARK", "ADDED", "BOOKMARK", "BOOKMARK"],
        ["BOOKMARK", "ADDED", "BOOKMARK"],
        ["BOOKMARK"],
    ]
    assert spans(tmp_path) == [(START, START + timedelta(minutes=130))]


def test_each_file_covers_only_what_is_in_it(tmp_path: Path, clock: Clock) -> None:
    one = journal(tmp_path)
    one.begin(START)
    write(one, "a")
    one.observed(clock.after(minutes=61), "1")
    write(one, "b")
    one.observed(clock.after(minutes=90), "2")
    one.close()
    assert len(list(tmp_path.glob("pods-*"))) == 2
    min(tmp_path.glob("pods-*")).unlink()
    assert spans(tmp_path) == [(START + timedelta(minutes=61), START + timedelta(minutes=90))]


def test_a_gap_stays_a_gap_within_a_file_and_between_files(tmp_path: Path, clock: Clock) -> None:
    one = journal(tmp_path)
    one.begin(START)
    one.observed(clock.after(minutes=5), "1")
    one.begin(clock.after(minutes=9))
    one.observed(clock.after(minutes=20), "2")
    one.observed(clock.after(minutes=61), "3")
    one.begin(clock.after(minutes=70))
    one.observed(clock.after(minutes=80), "4")
    one.close()
    minutes = [tuple((at - START) / timedelta(minutes=1) for at in span) for span in spans(tmp_path)]
    assert minutes == [(0, 5), (9, 61), (70, 80)]


def test_a_quiet_file_covers_no_more_than_its_marks(tmp_path: Path, clock: Clock) -> None:
    one = journal(tmp_path)
    one.begin(START)
    write(one, "a")
    one.observed(clock.after(minutes=2), "1")
    one.close()
    (path,) = tmp_path.glob("pods-*")
    os.utime(path, (0, (START + timedelta(days=3)).timestamp()))
    assert spans(tmp_path) == [(START, START + timedelta(minutes=2))]


def test_a_large_file_is_closed_within_its_hour(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_journal, "MOST_BYTES", 500)
    one = journal(tmp_path)
    one.begin(START)
    for number in range(20):
        clock.after(seconds=number)
        write(one, f"a-{number}")
        if number == 10:
            one.observed(clock.now, "1")
    one.observed(clock.after(seconds=30), "2")
    one.close()
    files = lines(tmp_path)
    assert len(files) > 5
    names = [
        one["object"]["metadata"].get("name") for file in files for one in file if one["type"] == "ADDED"
    ]
    assert names == [f"a-{number}" for number in range(20)]
    assert spans(tmp_path) == [(START, START + timedelta(seconds=30))]


@pytest.mark.parametrize("torn", [b"", b"{", b'{"type":"ADDED","object":{"kind":"Pod"}}', "é".encode()[:1]])
def test_a_killed_watch_is_closed_by_the_next_without_its_half_line(
    tmp_path: Path, clock: Clock, torn: bytes
) -> None:
    killed = journal(tmp_path)
    killed.begin(START)
    write(killed, "a")
    killed.observed(clock.after(minutes=1), "7")
    write(killed, "b")
    killed.flush()
    (path,) = tmp_path.glob("pods-*.jsonl")
    with path.open("ab") as file:
        file.write(torn)
    mark = journal(tmp_path).recover()
    assert mark == Mark(START, START + timedelta(minutes=1), "7", "c")
    assert [one["type"] for one in lines(tmp_path)[0]] == ["BOOKMARK", "ADDED", "BOOKMARK", "ADDED"]
    assert not path.exists()
    assert read_timeline(tmp_path).problems == []
    abandon(killed)


def test_a_kill_while_closing_leaves_nothing_double(tmp_path: Path, clock: Clock) -> None:
    one = journal(tmp_path)
    one.begin(START)
    write(one, "a")
    one.observed(clock.after(minutes=1), "7")
    one.close()
    (closed,) = tmp_path.glob("pods-*.gz")
    plain = closed.with_suffix("")
    plain.write_bytes(gzip.decompress(closed.read_bytes()))
    (tmp_path / f".{closed.name}.partial").write_bytes(b"half")
    assert journal(tmp_path).recover() is not None
    assert [path.name for path in tmp_path.iterdir()] == [closed.name]
    assert len(lines(tmp_path)[0]) == 3


def test_a_file_without_a_whole_line_goes(tmp_path: Path) -> None:
    (tmp_path / "pods-20260302T103000000000Z.jsonl").write_bytes(b'{"type":"ADD')
    assert journal(tmp_path).recover() is None
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_was_cut_is_no_place_to_go_on_from(tmp_path: Path) -> None:
    killed = journal(tmp_path)
    killed.begin(START)
    write(killed, "a")
    killed.flush()
    assert journal(tmp_path).recover() is None
    abandon(killed)


def test_another_cluster_is_no_place_to_go_on_from(tmp_path: Path, clock: Clock) -> None:
    one = journal(tmp_path, "one")
    one.begin(START)
    one.observed(clock.after(minutes=1), "7")
    one.close()
    assert journal(tmp_path, "other").recover() is None
    assert journal(tmp_path, "one").recover() is not None


def test_old_files_go_and_others_are_left_alone(tmp_path: Path) -> None:
    old, young = "pods-20260301T103000000000Z.jsonl.gz", "pods-20260302T103000000000Z.jsonl.gz"
    others = ("pods-20260101T103000000000Z.jsonl", "kubectl-get-pods.json", "x-20260101.jsonl.gz")
    for name in (old, young, *others):
        (tmp_path / name).write_bytes(b"")
    assert expire(tmp_path, datetime(2026, 3, 2, 10, tzinfo=UTC)) == 1
    assert {path.name for path in tmp_path.iterdir()} == {young, *others}


def test_a_mark_is_read_back() -> None:
    mark = Mark(START, START + timedelta(microseconds=1), "12", "c")
    assert read_mark(as_line(mark, "Pod", "v1")) == mark


@pytest.mark.parametrize(
    "annotations",
    [
        None,
        7,
        {},
        {"forensics/observed-from": "x", "forensics/observed-to": "y"},
        {"forensics/observed-from": "2026-03-02T10:00:00Z"},
        {"forensics/observed-from": "2026-03-02T10:00:00Z", "forensics/observed-to": "2026-03-02T09:00:00Z"},
    ],
)
def test_a_bookmark_of_the_server_is_no_mark(annotations: object) -> None:
    metadata = {"resourceVersion": "1", "annotations": annotations}
    assert read_mark({"type": "BOOKMARK", "object": {"metadata": metadata}}) is None
