"""One watched resource, in this process: refusals that end, lists that repeat, servers that talk nonsense."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.timeline import kubernetes_watch
from pipeline.timeline.kubernetes_api import RESOURCES, Cluster
from pipeline.timeline.kubernetes_watch import ResourceWatch
from pipeline.timeline.watch_journal import Journal
from tests.support.aws_stand_in import Answer, Asked, stand_in
from tests.support.kubernetes_objects import event, pod, small_cluster
from tests.support.kubernetes_server import FakeCluster, kubernetes_server
from tests.support.watch_runs import Runs, until

BY_PLURAL = {one.plural: one for one in RESOURCES}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    monkeypatch.setattr(kubernetes_watch, "LONGEST_WAIT_S", 0.1)
    with kubernetes_server(small_cluster()) as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path)))
        yield Runs(cluster, tmp_path)


@contextmanager
def watching(runs: Runs, plural: str = "pods") -> Iterator[tuple[ResourceWatch, list[str]]]:
    """A watch in a thread; it has ended cleanly after the block."""
    runs.folder.mkdir(exist_ok=True)
    said: list[str] = []
    own, stop = Cluster("here"), threading.Event()
    journal = Journal(runs.folder, BY_PLURAL[plural], own.fingerprint)
    watch = ResourceWatch(own, BY_PLURAL[plural], journal, stop, said.append)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        yield watch, said
    finally:
        stop.set()
        watch.interrupt()
        thread.join(30)
        assert not thread.is_alive()


def watched_more_than(runs: Runs, count: int) -> None:
    until(lambda: runs.cluster.watches("pods") > count)


def told_gaps(watch: ResourceWatch, said: list[str], least: int) -> None:
    until(lambda: watch.gaps >= least and len(said) == watch.gaps)


def test_a_refusal_is_said_once_and_ends_when_it_is_granted(runs: Runs) -> None:
    runs.cluster.forbidden.add("pods")
    with watching(runs) as (watch, said):
        until(lambda: runs.cluster.lists("pods") >= 4)
        assert watch.denied == "list pods"
        runs.cluster.forbidden.clear()
        until(lambda: len(runs.changes("pods")) == 3)
        assert watch.denied is None
    assert len(said) == 1
    assert watch.failure is None


def test_what_is_not_installed_is_asked_for_once(runs: Runs) -> None:
    with watching(runs, "targetgroupbindings") as (watch, said):
        until(lambda: runs.cluster.lists("targetgroupbindings") == 1)
    assert (watch.failure, watch.denied, said) == (None, None, [])
    assert runs.cluster.lists("targetgroupbindings") == 1


def test_all_objects_are_written_again_once_a_day_and_nothing_between_is_missed(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_watch, "WHOLE_AGAIN", timedelta(0))
    with watching(runs) as (watch, said):
        until(lambda: len(runs.changes("pods")) == 3)
        for name in ("new-1", "new-2"):
            asked = runs.cluster.watches("pods")
            runs.cluster.put("pods", pod(name))
            runs.cluster.delete("pods", name, "shop")
            runs.cluster.drop_watches()
            watched_more_than(runs, asked)
        until(
            lambda: (
                [name for change, name, _ in runs.changes("pods") if change == "DELETED"][-1:] == ["new-2"]
            )
        )
    changes = [(change, name) for change, name, _ in runs.changes("pods")]
    assert changes.count(("ADDED", "web-1")) >= 3
    assert changes.count(("ADDED", "new-1")) == changes.count(("DELETED", "new-1")) == 1
    assert (watch.gaps, said) == (0, [])
    assert len({start for start, _ in runs.marks("pods")}) == 1


def test_history_lost_again_and_again_is_a_gap_each_time(runs: Runs) -> None:
    with watching(runs) as (watch, said):
        for number in range(3):
            until(lambda: len({start for start, _ in runs.marks("pods")}) == len(said) + 1)
            watched_more_than(runs, number)
            with runs.cluster._news:
                runs.cluster.put("pods", pod(f"new-{number}"))
                runs.cluster.compact()
                runs.cluster.drop_watches()
            told_gaps(watch, said, number + 1)
    assert watch.failure is None
    assert all("not observed from" in one for one in said)


def test_an_event_that_expires_is_no_change(runs: Runs) -> None:
    with watching(runs, "events"):
        until(lambda: len(runs.changes("events")) == 1)
        runs.cluster.delete("events", "web-1.18a1", "shop")
        runs.cluster.put("events", event("later"))
        until(lambda: len(runs.changes("events")) == 2)
    assert [change for change, _, _ in runs.changes("events")] == ["ADDED", "ADDED"]


def test_versions_are_remembered_for_so_many_objects_only(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_watch, "MOST_SEEN", 10)
    with watching(runs) as (watch, _):
        until(lambda: runs.cluster.watches("pods") == 1)
        for number in range(40):
            runs.cluster.put("pods", pod(f"p-{number}"))
        until(lambda: len(runs.changes("pods")) == 43)
    assert len(watch._seen) == 10


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b'{"type":"ADDED"}\n',
        b'{"type":"ADDED","object":7}\n',
        b"[]\n",
        b'{"type":"ERROR","object":{"code":"x"}}\n',
        b'{"type":"ERROR","object":{"code":500,"message":"etcd has no leader"}}\n',
    ],
)
def test_a_watch_that_talks_nonsense_is_asked_again_and_nothing_of_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    monkeypatch.setattr(kubernetes_watch, "LONGEST_WAIT_S", 0.1)

    def answer(asked: Asked) -> Answer:
        if "watch=true" in asked.path:
            return Answer(200, line)
        return Answer(200, b'{"items":[],"metadata":{"resourceVersion":"7"}}')

    with stand_in(answer) as server:
        fake = FakeCluster(url=server.endpoint)
        monkeypatch.setenv("KUBECONFIG", str(fake.kubeconfig(tmp_path)))
        runs = Runs(fake, tmp_path)
        with watching(runs) as (watch, said):
            until(lambda: len([one for one in server.asked if "watch=true" in one.path]) >= 3)
        assert {one.path for one in server.asked if "resourceVersion" in one.path} != set()
    assert watch.failure is None
    assert runs.changes("pods") == []
    assert len(said) == 1


def test_a_full_disk_ends_the_watch(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Journal, change: str, value: object) -> None:
        del self, change, value
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "write", full)
    with watching(runs) as (watch, _):
        until(lambda: watch.failure is not None)
        assert watch.stop.is_set()
    assert isinstance(watch.failure, OSError)


def test_a_watch_does_not_claim_what_it_was_not_told(runs: Runs) -> None:
    """Without bookmarks, and before its time is up, an open watch proves nothing."""
    runs.cluster.bookmark_s = 3600
    with watching(runs):
        until(lambda: runs.cluster.watches("pods") == 1)
        runs.cluster.put("pods", pod("new"))
        until(lambda: len(runs.changes("pods")) == 4)
        listed_at = datetime.now(UTC)
        assert len(runs.marks("pods")) == 1
        assert runs.marks("pods")[0][1] <= listed_at.isoformat()
