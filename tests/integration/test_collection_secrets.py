"""What `forensics snapshot` and `forensics watch` write and print holds no secret that is planted there."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.timeline.folder import read_timeline
from tests.support.aws_replay import Replay
from tests.support.cluster_secrets import (
    IN_USE,
    OF_PEOPLE,
    OF_WORKLOADS,
    secret_cluster,
    secret_pod,
    tell_cloudtrail,
)
from tests.support.kubernetes_server import FakeCluster, kubernetes_server
from tests.support.secrets import PASSED_OVER, found_in, written
from tests.support.watch_runs import PATIENCE_S, Runs, until

NEVER = {**OF_WORKLOADS, **IN_USE}
EVER = {**NEVER, **OF_PEOPLE, **PASSED_OVER}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """A cluster full of secrets, and credentials that are secrets themselves."""
    for name, of in (
        ("AWS_SECRET_ACCESS_KEY", "secret key"),
        ("AWS_SESSION_TOKEN", "session token"),
        ("FORENSICS_REDACT_KEY", "key of redaction"),
    ):
        monkeypatch.setenv(name, IN_USE[of])
    monkeypatch.setenv("FORENSICS_DEBUG", "1")
    with kubernetes_server(secret_cluster()) as cluster:
        yield Runs(cluster, tmp_path)


def everything_in(folder: Path, said: bytes, secrets: dict[str, str]) -> set[str]:
    """Names of the secrets that stand in a folder or in what was printed."""
    found = found_in(said, secrets)
    for _, content in written(folder):
        found |= found_in(content, secrets)
    return found


def snapshot(runs: Runs, mode: str | None) -> tuple[Path, bytes]:
    """Take one, of everything; the store and all that was said."""
    store = runs.home / f"store-{mode}"
    environment = {**runs.environment, "FORENSICS_KUBE_CONTEXT": "here"}
    environment |= {} if mode is None else {"FORENSICS_REDACT": mode}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "snapshot", "--lb", "shop", "--cluster", "--store", str(store)],
        capture_output=True,
        check=False,
        env=environment,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return store, done.stdout + done.stderr


def sent_by(cluster: FakeCluster) -> bytes:
    """All that the server can have told."""
    return repr(cluster._objects).encode() + repr(cluster._history).encode()


def test_a_snapshot_keeps_no_secret_and_redacted_no_person(aws: Replay, runs: Runs) -> None:
    tell_cloudtrail(aws)
    for mode, kept in ((None, set(OF_PEOPLE)), ("truncate", set()), ("hash", set())):
        store, said = snapshot(runs, mode)
        assert everything_in(store, said, NEVER) == set(), mode
        assert everything_in(store, said, OF_PEOPLE) == kept, mode
        if mode:
            assert everything_in(store, said, EVER) == set(), mode
        stored = read_timeline(store=store).settings
        assert stored.filter(setting="keep_alive_timeout_s")["value"].to_list() == ["5"], "read, and no more"
        assert sum(1 for path in store.rglob("kubectl-get-*.json") if path.stat().st_size > 100) == 5
    assert found_in(sent_by(runs.cluster), OF_WORKLOADS) == set(OF_WORKLOADS)
    assert runs.cluster.tokens == {f"Bearer {IN_USE['token of the kubeconfig']}"}


@pytest.mark.parametrize("mode", [None, "truncate", "hash"])
def test_a_watch_records_no_secret_and_redacted_no_person(
    mode: str | None, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode:
        monkeypatch.setenv("FORENSICS_REDACT", mode)
    secrets, kept = (EVER, set[str]()) if mode else (NEVER, set(OF_PEOPLE) - {"CloudTrail session"})
    with runs.watching() as process:
        until(lambda: len(runs.changes("pods")) == 1)
        runs.cluster.put("pods", secret_pod("web-2"))
        runs.cluster.drop_watches()
        until(lambda: len(runs.changes("pods")) == 2)
        assert everything_in(runs.folder, b"", secrets) == set(), "while it is written"
        process.send_signal(signal.SIGTERM)
        said = "".join(process.communicate(timeout=PATIENCE_S)).encode()
    assert b"pods 2" in said
    assert everything_in(runs.folder, said, secrets) == set()
    assert everything_in(runs.folder, said, OF_PEOPLE) == kept
    assert found_in(sent_by(runs.cluster), OF_WORKLOADS) == set(OF_WORKLOADS)


def test_refusals_and_silence_tell_no_credential(runs: Runs) -> None:
    runs.cluster.forbidden |= {"pods", "nodes", "events", "services", "endpointslices"}
    with runs.watching() as process:
        until(lambda: {one.plural for one in runs.cluster.asked} >= runs.cluster.forbidden)
        process.send_signal(signal.SIGTERM)
        said = "".join(process.communicate(timeout=PATIENCE_S))
    with runs.watching(context="nowhere") as process:
        said += "".join(process.communicate(timeout=PATIENCE_S))
    assert "forbidden" in said
    assert "no answer" in said
    assert everything_in(runs.folder, said.encode(), EVER) == set()
