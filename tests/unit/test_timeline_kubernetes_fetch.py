"""Live lists: pages, expired continue tokens, refusals, servers that talk nonsense."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError, StoreError
from pipeline.timeline import kubernetes_api, kubernetes_fetch
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.kubernetes_api import RESOURCES, ApiRefusedError, Cluster
from pipeline.timeline.kubernetes_fetch import Fetched, fetch
from tests.support.aws_stand_in import Answer, Asked, stand_in
from tests.support.kubernetes_objects import pod, small_cluster
from tests.support.kubernetes_server import FakeCluster, kubernetes_server


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    with kubernetes_server(small_cluster()) as running:
        monkeypatch.setenv("KUBECONFIG", str(running.kubeconfig(tmp_path)))
        yield running


def by_resource(done: list[Fetched]) -> dict[str, Fetched]:
    return {one.resource: one for one in done}


def items(folder: Path, plural: str) -> list[str]:
    page = json.loads((folder / f"kubectl-get-{plural}.json").read_text())
    return [item["metadata"]["name"] for item in page["items"]]


def test_every_resource_is_listed_and_says_when(cluster: FakeCluster, tmp_path: Path) -> None:
    done = by_resource(fetch(Cluster("here"), tmp_path / "dump"))
    assert {name: one.objects for name, one in done.items()} == {
        "pods": 3,
        "nodes": 2,
        "events": 1,
        "services": 1,
        "endpointslices.discovery.k8s.io": 1,
        "targetgroupbindings.elbv2.k8s.aws": 0,
    }
    assert {one.message for one in done.values()} == {""}
    assert done["pods"].covered_from == done["pods"].covered_to is not None
    assert done["targetgroupbindings.elbv2.k8s.aws"].covered_from is None
    assert cluster.agents == {"forensics/0.1.0"}
    assert [path.name for path in (tmp_path / "dump").iterdir() if path.name.startswith(".")] == []


def test_pages_make_one_list(cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_fetch, "LIMITS", (2, 4, 8))
    for number in range(7):
        cluster.put("pods", pod(f"more-{number}"))
    fetch(Cluster("here"), tmp_path)
    assert len(items(tmp_path, "pods")) == len(set(items(tmp_path, "pods"))) == 10
    asked = [one.query for one in cluster.asked if one.plural == "pods"]
    assert [(one["limit"], one.get("continue")) for one in asked] == [
        ("2", None),
        ("2", "2"),
        ("2", "4"),
        ("2", "6"),
        ("2", "8"),
    ]


def test_an_expired_continue_token_starts_again_with_larger_pages(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_fetch, "LIMITS", (1, 2, 8))
    cluster.expired_continues = 1
    done = by_resource(fetch(Cluster("here"), tmp_path))
    assert items(tmp_path, "pods") == ["web-1", "web-2", "web-3"]
    assert done["pods"].objects == 3
    assert [one.query["limit"] for one in cluster.asked if one.plural == "pods"] == ["1", "1", "2", "2"]


def test_a_list_that_always_expires_is_a_sentence_and_no_file(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_fetch, "LIMITS", (1, 1))
    cluster.expired_continues = 99
    done = by_resource(fetch(Cluster("here"), tmp_path / "dump"))
    assert done["pods"].message.startswith("list pods: 410 (The provided continue parameter is too old")
    assert not (tmp_path / "dump" / "kubectl-get-pods.json").exists()
    assert done["services"].objects == 1


def test_a_refusal_names_verb_and_resource_and_spares_the_others(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    cluster.forbidden |= {"endpointslices", "nodes"}
    done = by_resource(fetch(Cluster("here"), tmp_path))
    assert {name: one.denied for name, one in done.items() if one.denied} == {
        "nodes": "list nodes",
        "endpointslices.discovery.k8s.io": "list endpointslices.discovery.k8s.io",
    }
    assert 'User "u" cannot list' in done["nodes"].message
    assert all(one.is_reached for one in done.values())
    assert read_timeline(tmp_path).events.height > 5


def test_a_server_that_is_not_there_is_asked_once(cluster: FakeCluster, tmp_path: Path) -> None:
    done = fetch(Cluster("nowhere"), tmp_path)
    assert [one.resource for one in done] == [one.name for one in RESOURCES]
    assert not any(one.is_reached for one in done)
    assert {one.message for one in done} == {done[0].message}
    assert done[0].message.startswith("list pods: no answer")
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>a portal</html>", "JSONDecodeError"),
        (b"[]", "the answer is no list"),
        (b'{"items": {"a": 1}}', "the answer is no list"),
        (b'{"items": [], "metadata": {"continue": "x"}}', "its pages go in a circle"),
        (b'{"items": [', "JSONDecodeError"),
    ],
)
def test_nonsense_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, said: str
) -> None:
    with stand_in(lambda _: Answer(200, body)) as server:
        monkeypatch.setenv("KUBECONFIG", str(FakeCluster(url=server.endpoint).kubeconfig(tmp_path)))
        done = fetch(Cluster("here"), tmp_path / "dump")
    assert all(said in one.message for one in done), [one.message for one in done]
    assert list((tmp_path / "dump").iterdir()) == []


@pytest.mark.usefixtures("cluster")
def test_a_page_beyond_all_bounds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_api, "MOST_PAGE_BYTES", 1000)
    done = by_resource(fetch(Cluster("here"), tmp_path))
    assert "a page of more than 1000 bytes" in done["pods"].message


def test_a_body_that_is_cut_off_is_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in(lambda _: Answer(200, b'{"items": []}', promised=50)) as server:
        monkeypatch.setenv("KUBECONFIG", str(FakeCluster(url=server.endpoint).kubeconfig(tmp_path)))
        with pytest.raises(ApiRefusedError, match="list pods: no answer"):
            Cluster("here").page(RESOURCES[0], 500)


def test_renewed_credentials_are_read_after_a_401(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(asked: Asked) -> Answer:
        is_new = asked.headers["authorization"] == "Bearer new"
        return Answer(200, b'{"items": []}') if is_new else Answer(401, b'{"message": "Unauthorized"}')

    with stand_in(answer) as server:
        config = FakeCluster(url=server.endpoint).kubeconfig(tmp_path)
        monkeypatch.setenv("KUBECONFIG", str(config))
        cluster = Cluster("here")
        with pytest.raises(ApiRefusedError, match="does not accept the credentials"):
            cluster.page(RESOURCES[0], 500)
        config.write_text(config.read_text().replace("not-a-secret", "new"))
        with pytest.raises(ApiRefusedError, match="does not accept the credentials"):
            cluster.page(RESOURCES[0], 500)
        assert cluster.page(RESOURCES[0], 500) == {"items": []}


@pytest.mark.parametrize(
    ("content", "context"),
    [("{", None), ("[]", None), ("", None), ('{"current-context": "x"}', None), ("{}", "here")],
)
def test_a_kubeconfig_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, context: str | None
) -> None:
    (tmp_path / "config").write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(ConfigError, match=r"Kubernetes: .* cannot be used"):
        Cluster(context)


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(ConfigError, match=r"pip install 'forensics\[kubernetes\]'"):
        Cluster()


@pytest.mark.usefixtures("cluster")
def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is it writable"):
        fetch(Cluster("here"), tmp_path / "file" / "dump")


def test_what_is_fetched_is_never_held_as_a_whole(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    def page(self: Cluster, resource: Any, limit: int, token: str | None = None) -> dict[str, Any]:  # noqa: ANN401 - as it is called
        size = sum(path.stat().st_size for path in tmp_path.glob(".*.partial"))
        held.append(size)
        return original(self, resource, limit, token)

    original = Cluster.page
    monkeypatch.setattr(Cluster, "page", page)
    monkeypatch.setattr(kubernetes_fetch, "LIMITS", (100,))
    for number in range(600):
        cluster.put("pods", pod(f"more-{number}"))
    fetch(Cluster("here"), tmp_path)
    assert held[6] > 500_000, "six pages are on disk before the seventh is asked for"
