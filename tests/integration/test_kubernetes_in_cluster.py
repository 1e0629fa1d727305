"""Within a cluster: the pod's own token over TLS; and a watch that ends at once when it is told to."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from kubernetes.config import incluster_config

from pipeline.errors import ConfigError
from pipeline.timeline.kubernetes_api import RESOURCES, ApiRefusedError, Cluster
from pipeline.timeline.kubernetes_fetch import fetch
from pipeline.timeline.kubernetes_watch import ResourceWatch
from pipeline.timeline.watch_journal import Journal
from tests.support.kubernetes_objects import small_cluster
from tests.support.kubernetes_server import FakeCluster, kubernetes_server
from tests.support.watch_runs import until

PODS = RESOURCES[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate for loopback in one file; ``ca.crt`` beside it is who signed it."""
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.crt")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    return folder / "both.pem"


@pytest.fixture
def cluster(certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    with kubernetes_server(small_cluster(), certificate) as running:
        host, _, port = running.url.removeprefix("https://").partition(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "there-is-none"))
        (tmp_path / "token").write_text("the-pods-own")
        monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
        monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(certificate.with_name("ca.crt")))
        yield running


def test_a_pod_lists_with_its_own_token(cluster: FakeCluster, tmp_path: Path) -> None:
    done = fetch(Cluster(), tmp_path / "dump")
    assert done[0].objects == 3
    assert cluster.tokens == {"bearer the-pods-own"}


@pytest.mark.usefixtures("cluster")
def test_a_server_that_cannot_prove_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.crt"
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(other))
    with pytest.raises(ApiRefusedError, match="CERTIFICATE_VERIFY_FAILED"):
        Cluster().page(PODS, 500)


@pytest.mark.usefixtures("cluster")
def test_a_pod_without_a_token_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    with pytest.raises(ConfigError, match="Service token file does not exist"):
        Cluster()


def test_a_quiet_watch_over_tls_ends_when_it_is_told_to(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.bookmark_s = 3600
    stop, said = threading.Event(), list[str]()
    own = Cluster()
    watch = ResourceWatch(own, PODS, Journal(tmp_path, PODS, own.fingerprint), stop, said.append)
    thread = threading.Thread(target=watch.run)
    thread.start()
    until(lambda: cluster.watches("pods") == 1 and watch._response is not None)
    started_at = time.monotonic()
    stop.set()
    watch.interrupt()
    thread.join(30)
    assert not thread.is_alive()
    assert time.monotonic() - started_at < 10
    assert (watch.failure, said, watch.gaps) == (None, [], 0)
    assert [path.name for path in tmp_path.glob("pods-*")] == [
        path.name for path in tmp_path.glob("*.jsonl.gz")
    ]
