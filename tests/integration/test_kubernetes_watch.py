"""`forensics watch` as a subprocess: kills, drops, lost history, refusals, and how it ends."""

import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.timeline.folder import read_timeline
from pipeline.timeline.instants import read_instant
from tests.support.kubernetes_objects import pod, small_cluster
from tests.support.kubernetes_server import kubernetes_server
from tests.support.watch_runs import PATIENCE_S, Runs, until


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    with kubernetes_server(small_cluster()) as cluster:
        yield Runs(cluster, tmp_path)


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def test_a_kill_loses_nothing_and_the_next_watch_goes_on_where_it_was(runs: Runs) -> None:
    with runs.watching() as process:
        runs.cluster.put("pods", pod("before"))
        until(lambda: ("ADDED", "before", "109") in runs.changes("pods"))
        until(lambda: len(runs.marks("pods")) >= 2, "a bookmark after the list")
        process.kill()
        process.wait()
    runs.cluster.put("pods", pod("meanwhile"))
    runs.cluster.delete("pods", "meanwhile", "shop")
    (torn,) = runs.folder.glob("pods-*.jsonl")
    with torn.open("ab") as file:
        file.write(b'{"type":"ADDED","object":{"apiVersion":"v1","ki')
    with runs.watching() as process:
        until(lambda: ("DELETED", "meanwhile", "111") in runs.changes("pods"))
        code, out, err = end(process)
    assert (code, err) == (0, "")
    assert "gaps: 0" in out
    timeline = read_timeline(runs.folder)
    assert timeline.problems == []
    (pods,) = timeline.coverage.filter(source="pods").rows()
    assert pods[2] - pods[1] > timedelta(seconds=1)
    assert "shop/meanwhile" in timeline.events["pod_name"].to_list()


def test_a_kill_while_events_pour_in_costs_at_most_a_line(runs: Runs) -> None:
    for _ in range(2):
        with runs.watching() as process:
            for number in range(300):
                runs.cluster.put("pods", pod(f"p-{number}"))
            process.kill()
    with runs.watching() as process:
        until(lambda: len({name for _, name, _ in runs.changes("pods")}) == 303)
        assert end(process)[0] == 0
    assert read_timeline(runs.folder).problems == []
    assert list(runs.folder.glob("*.jsonl")) == []
    assert list(runs.folder.glob(".*.partial")) == []


def test_a_dropped_watch_goes_on_without_a_gap_or_a_repeated_line(runs: Runs) -> None:
    runs.cluster.repeats = True
    runs.cluster.piece = 100
    with runs.watching() as process:
        for number in range(3):
            drop_after(runs, f"new-{number}")
        code, out, _ = end(process)
    assert code == 0
    assert "gaps: 0" in out
    changes = runs.changes("pods")
    assert len(changes) == len(set(changes)) == 6
    assert len({start for start, _ in runs.marks("pods")}) == 1
    assert runs.cluster.lists("pods") == 1


def drop_after(runs: Runs, name: str) -> None:
    """A new pod is recorded; then the watch is cut and made again."""
    asked = runs.cluster.watches("pods")
    runs.cluster.put("pods", pod(name))
    until(lambda: name in {one for _, one, _ in runs.changes("pods")})
    runs.cluster.drop_watches()
    until(lambda: runs.cluster.watches("pods") > asked, "it watches again")


def test_lost_history_is_told_and_is_no_coverage(runs: Runs) -> None:
    with runs.watching() as process:
        until(lambda: len(runs.marks("pods")) >= 2)
        runs.cluster.put("pods", pod("unseen"))
        with runs.cluster._news:
            runs.cluster.delete("pods", "unseen", "shop")
            runs.cluster.put("pods", pod("seen"))
            runs.cluster.compact()
            runs.cluster.drop_watches()
        until(lambda: "seen" in {name for _, name, _ in runs.changes("pods")})
        until(lambda: len({start for start, _ in runs.marks("pods")}) == 2)
        code, out, err = end(process)
    assert code == 0
    assert "gaps: " in out
    assert "gaps: 0" not in out
    assert "pods: not observed from" in err
    assert "watch pods: 410 (too old resource version" in err
    spans = (
        read_timeline(runs.folder).coverage.filter(source="pods").select("covered_from", "covered_to").rows()
    )
    assert len(spans) == 2
    assert spans[0][1] < spans[1][0]
    added = [change for change in runs.changes("pods") if change[0] == "ADDED"]
    assert len(added) == len(set(added)), "objects that did not change are not written again"


def test_marks_grow_and_never_claim_the_future(runs: Runs) -> None:
    with runs.watching() as process:
        until(lambda: len(runs.marks("nodes")) >= 3)
        assert end(process)[0] == 0
    marks = [(read_instant(start), read_instant(end)) for start, end in runs.marks("nodes")]
    assert all(start <= end for start, end in marks)
    assert [end for _, end in marks] == sorted(end for _, end in marks)
    (written,) = runs.folder.glob("nodes-*.jsonl.gz")
    assert marks[-1][1].timestamp() <= written.stat().st_mtime + 0.01


def test_a_refused_resource_is_named_and_the_others_go_on(runs: Runs) -> None:
    runs.cluster.forbidden.add("endpointslices")
    with runs.watching() as process:
        until(lambda: len(runs.changes("pods")) == 3 and runs.cluster.lists("endpointslices") > 0)
        code, out, err = end(process)
    assert code == 6
    assert "list endpointslices.discovery.k8s.io: forbidden" in err
    assert err.count("forbidden; docs") == 1
    assert "pods 3" in out
    assert runs.lines("endpointslices") == []


def test_it_ends_by_itself_after_its_time(runs: Runs) -> None:
    with runs.watching("--for", "1s") as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert "pods 3" in out


def test_an_interrupt_ends_cleanly_with_130(runs: Runs) -> None:
    with runs.watching() as process:
        until(lambda: len(runs.changes("pods")) == 3)
        code, out, err = end(process, signal.SIGINT)
    assert (code, err) == (130, "")
    assert "pods 3" in out
    assert list(runs.folder.glob("*.jsonl")) == []


def test_a_folder_is_read_while_it_is_written_but_not_written_by_two(runs: Runs) -> None:
    with runs.watching():
        until(lambda: len(runs.changes("pods")) == 3 and len(runs.changes("nodes")) == 2)
        timeline = read_timeline(runs.folder)
        with runs.watching() as second:
            _, err = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 2
    assert "another watch writes there" in err
    assert timeline.problems == []
    assert {"pods", "nodes"} <= set(timeline.coverage["source"])


@pytest.mark.parametrize(
    ("context", "code", "said"),
    [("nowhere", 4, "list pods: no answer"), ("unknown", 2, "context unknown cannot be used")],
)
def test_a_server_that_is_not_there_is_a_sentence(runs: Runs, context: str, code: int, said: str) -> None:
    with runs.watching(context=context) as process:
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    assert said.replace("pods", "") in err or said in err
    assert "Traceback" not in err


def test_nothing_but_refusals_is_an_error(runs: Runs) -> None:
    runs.cluster.forbidden |= {"pods", "nodes", "events", "services", "endpointslices"}
    with runs.watching() as process:
        until(lambda: {one.plural for one in runs.cluster.asked} >= runs.cluster.forbidden)
        code, _, err = end(process)
    assert code == 4
    assert "nothing may be watched: list pods, list nodes" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--keep", "6h"), "--keep is at least 2d"),
        (("--keep", "x"), "--keep x: no duration"),
        (("--for", "0s"), "--for 0s: no duration"),
    ],
)
def test_durations_that_cannot_be_used_are_refused(runs: Runs, words: tuple[str, str], said: str) -> None:
    with runs.watching(*words) as process:
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert said in err


def test_a_folder_that_cannot_be_written_is_a_sentence(runs: Runs) -> None:
    runs.folder.write_text("a file")
    with runs.watching() as process:
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "choose another --output" in err
