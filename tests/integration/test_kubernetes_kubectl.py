"""What is written of a live cluster equals what the real kubectl prints of it, and tells the same events."""

import json
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.timeline.folder import read_timeline
from pipeline.timeline.kubernetes_api import RESOURCES, Cluster
from pipeline.timeline.kubernetes_fetch import fetch
from pipeline.timeline.kubernetes_redact import lean, listed
from tests.support.kubernetes_objects import SECRETS, small_cluster, stir
from tests.support.kubernetes_server import kubernetes_server
from tests.support.watch_runs import Runs, is_mark, until

WATCHED = [one for one in RESOURCES if not one.is_optional]


def test_lists_are_what_kubectl_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with kubernetes_server(small_cluster()) as cluster:
        runs = Runs(cluster, tmp_path)
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path)))
        fetch(Cluster("here"), tmp_path / "ours")
        (tmp_path / "theirs").mkdir()
        for resource in WATCHED:
            out, err = runs.kubectl("get", resource.plural).communicate()
            assert err == ""
            (tmp_path / "theirs" / f"{resource.plural}.json").write_text(out)
            theirs = json.loads(out)
            ours = json.loads((tmp_path / "ours" / f"kubectl-get-{resource.plural}.json").read_text())
            assert ours == {**theirs, "items": [listed(item) for item in theirs["items"]]}
            assert list(ours) == list(theirs)
            if resource.kind == "Pod":
                assert_no_secret(out, json.dumps(ours))
    assert told(tmp_path / "ours").equals(told(tmp_path / "theirs"))
    assert told(tmp_path / "ours").height > 15
    assert covered(tmp_path / "ours") == covered(tmp_path / "theirs")


def test_watches_are_what_kubectl_prints(tmp_path: Path) -> None:
    with kubernetes_server(small_cluster()) as cluster:
        runs = Runs(cluster, tmp_path)
        with runs.watching() as watch:
            kubectls = {
                one.plural: runs.kubectl("get", one.plural, "--watch", "--output-watch-events")
                for one in WATCHED
            }
            until(lambda: all(cluster.watches(one.plural) >= 2 for one in WATCHED), "both watch")
            stir(cluster)
            last = {"pods": "111", "nodes": "113", "events": "114", "endpointslices": "115"}
            until(lambda: all(runs.changes(plural)[-1][2] == at for plural, at in last.items()))
            watch.send_signal(signal.SIGTERM)
            assert watch.wait(60) == 0
            theirs = {plural: printed(process) for plural, process in kubectls.items()}
    assert_no_secret(json.dumps(theirs["pods"]), json.dumps(runs.lines("pods")))
    (tmp_path / "theirs").mkdir()
    for plural, lines in theirs.items():
        ours = [line for line in runs.lines(plural) if not is_mark(line)]
        assert ours == [{**line, "object": lean(line["object"])} for line in lines], plural
        assert [list(line) for line in ours] == [list(line) for line in lines]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / "theirs" / f"{plural}.jsonl").write_text(text)
    assert told(runs.folder).equals(told(tmp_path / "theirs"))
    assert told(runs.folder).height > 20


def assert_no_secret(printed_pods: str, written: str) -> None:
    """What kubectl prints holds every secret, what we write none."""
    assert "OOMKilled" in written
    for secret in SECRETS:
        assert secret in printed_pods
        assert secret not in written


def printed(process: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - Popen[str]
    process.terminate()
    out, _ = process.communicate()
    return [json.loads(line) for line in out.splitlines()]


def told(folder: Path) -> pl.DataFrame:
    """Events without the place they were read from."""
    timeline = read_timeline(folder)
    assert timeline.problems == []
    return timeline.events.drop("source_ref").sort("event_id")


def covered(folder: Path) -> list[tuple[Any, ...]]:
    """Sources and where their spans start; the end is when the file was written."""
    return read_timeline(folder).coverage.select("source", "covered_from").rows()
