"""What is left out of objects changes no event, and nothing secret stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.timeline.kubernetes_redact import lean, listed
from tests.support.kubernetes_dumps import FIXTURES, parsed, watched
from tests.support.kubernetes_objects import SECRETS, endpoint_slice, event, node, pod, service

MADE = [
    {"apiVersion": "v1", "kind": "Pod", **pod("web-1")},
    {"apiVersion": "v1", "kind": "Node", **node("node-1")},
    {"apiVersion": "v1", "kind": "Event", **event("e")},
    {"apiVersion": "v1", "kind": "Service", **service()},
    {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", **endpoint_slice()},
]
RECORDED = json.loads((FIXTURES / "k8s_list.json").read_text())["items"]


@pytest.mark.parametrize("change", ["ADDED", "DELETED"])
@pytest.mark.parametrize("value", MADE + RECORDED, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_an_object_tells_the_same_before_and_after(value: dict[str, Any], change: str) -> None:
    before, after = parsed(watched(change, value)), parsed(watched(change, lean(value)))
    assert after.events == before.events
    assert after.settings == before.settings
    assert after.coverage == before.coverage
    assert after.problems == before.problems


def test_nothing_secret_stays() -> None:
    whole, kept = json.dumps(MADE), json.dumps([lean(value) for value in MADE])
    assert all(secret in whole and secret not in kept for secret in SECRETS)


def test_what_a_verdict_may_need_stays() -> None:
    kept = lean(MADE[0])
    (container,) = kept["spec"]["containers"]
    assert container["ports"] == [{"containerPort": 8080}]
    assert container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": 8080}
    assert kept["metadata"]["annotations"] == {}
    assert kept["metadata"]["managedFields"] == [
        {"manager": "kubelet", "operation": "Update", "time": "2026-03-02T08:00:09Z"}
    ]
    assert "managedFields" not in listed(MADE[0])["metadata"]
    assert "annotations" in lean(MADE[4])["metadata"]


def test_init_containers_and_hooks_are_no_way_around() -> None:
    secret = {"name": "x", "command": ["hunter2"], "env": [{"value": "hunter2"}]}
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "hunter2"]}}, "postStart": {"sleep": {"seconds": 5}}}
    spec = {"initContainers": [secret], "ephemeralContainers": [secret], "containers": [{"lifecycle": hook}]}
    kept = lean({"kind": "Pod", "metadata": {}, "spec": spec})
    assert "hunter2" not in json.dumps(kept)
    assert kept["spec"]["containers"][0]["lifecycle"]["postStart"] == {"sleep": {"seconds": 5}}


def test_the_object_itself_is_left_as_it_is() -> None:
    before = json.dumps(MADE[0])
    lean(MADE[0])
    listed(MADE[0])
    assert json.dumps(MADE[0]) == before


KEYS = """
metadata spec status kind containers env annotations managedFields state lastState containerStatuses
lifecycle message images
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS.split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.sampled_from(["Pod", "Node", "Event", None]), JSON, JSON, JSON)
def test_any_junk_passes(kind: str | None, metadata: Any, spec: Any, status: Any) -> None:  # noqa: ANN401 - any JSON
    value = {"kind": kind, "metadata": metadata, "spec": spec, "status": status}
    assert set(lean(value)) == set(listed(value)) == set(value)
