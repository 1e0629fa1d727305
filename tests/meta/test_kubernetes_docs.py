"""The manifest in docs/kubernetes.md: it parses, fits together, and grants what is asked for and no more."""

import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.timeline.kubernetes_api import RESOURCES, VERBS, Cluster
from pipeline.timeline.kubernetes_fetch import fetch
from pipeline.timeline.kubernetes_watch import ResourceWatch
from pipeline.timeline.watch_journal import Journal
from pipeline.timeline.watch_marks import read_mark
from tests.support.kubernetes_objects import small_cluster
from tests.support.kubernetes_server import kubernetes_server
from tests.support.watch_runs import until

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")


def manifest() -> dict[str, dict[str, Any]]:
    """Objects of the manifest by kind."""
    (block,) = re.findall(r"(?s)```yaml\n(.*?)```", PAGE)
    return {one["kind"]: one for one in yaml.safe_load_all(block)}


def granted() -> set[tuple[str, str, str]]:
    return {
        (group, name, verb)
        for rule in manifest()["ClusterRole"]["rules"]
        for group in rule["apiGroups"]
        for name in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_role_grants_what_the_code_names() -> None:
    assert granted() == {(one.group, one.plural, verb) for one in RESOURCES for verb in VERBS}


def test_the_role_grants_what_the_server_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with kubernetes_server(small_cluster(absent=set())) as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(tmp_path)))
        own, stop = Cluster("here"), threading.Event()
        fetch(own, tmp_path / "lists")
        watches = [
            ResourceWatch(own, one, Journal(tmp_path, one, own.fingerprint), stop, print) for one in RESOURCES
        ]
        threads = [threading.Thread(target=one.run) for one in watches]
        for thread in threads:
            thread.start()
        until(lambda: all(cluster.watches(one.plural) for one in RESOURCES))
        stop.set()
        for one in watches:
            one.interrupt()
        for thread in threads:
            thread.join(30)
        assert {(one.group, one.plural, one.verb) for one in cluster.asked} == granted()
    assert [one.failure for one in watches] == [None] * len(RESOURCES)


def test_the_parts_of_the_manifest_fit_together() -> None:
    parts = manifest()
    account, namespace = parts["ServiceAccount"]["metadata"]["name"], parts["Namespace"]["metadata"]["name"]
    pod = parts["Deployment"]["spec"]["template"]
    assert pod["spec"]["serviceAccountName"] == account
    assert parts["ClusterRoleBinding"]["subjects"] == [
        {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    ]
    assert parts["ClusterRoleBinding"]["roleRef"]["name"] == parts["ClusterRole"]["metadata"]["name"]
    assert parts["Deployment"]["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    (volume,), (container,) = pod["spec"]["volumes"], pod["spec"]["containers"]
    assert volume["persistentVolumeClaim"]["claimName"] == parts["PersistentVolumeClaim"]["metadata"]["name"]
    (mount,) = container["volumeMounts"]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/history")
    assert "/history" in container["args"]
    for kind in ("ServiceAccount", "PersistentVolumeClaim", "Deployment"):
        assert parts[kind]["metadata"]["namespace"] == namespace


def test_the_container_runs_a_command_that_exists() -> None:
    (container,) = manifest()["Deployment"]["spec"]["template"]["spec"]["containers"]
    command, *words = container["args"]
    run = subprocess.run(
        [sys.executable, "-m", "pipeline", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    for word in words:
        assert not word.startswith("-") or word in run.stdout


def test_the_example_of_a_mark_is_one() -> None:
    (block,) = re.findall(r"(?s)```json\n(.*?)```", PAGE)
    assert read_mark(json.loads(block)) is not None
