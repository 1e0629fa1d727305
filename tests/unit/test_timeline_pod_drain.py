"""How long a pod goes on answering, and how soon its probe tells."""

from typing import Any

import pytest

from pipeline.timeline.kubernetes_redact import lean
from pipeline.timeline.pod_drain import settings

SLEEPS = {"preStop": {"sleep": {"seconds": 15}}}
COMMAND = {"preStop": {"exec": {"command": ["sleep", "30"]}}}


@pytest.mark.parametrize(
    ("containers", "told"),
    [
        ([{}], {"pre_stop_sleep_s": "0"}),
        ([{"lifecycle": SLEEPS}], {"pre_stop_sleep_s": "15"}),
        ([{"lifecycle": SLEEPS}, {}], {"pre_stop_sleep_s": "0"}),
        ([{"lifecycle": COMMAND}], {}),
        ([{"lifecycle": SLEEPS}, {"lifecycle": COMMAND}], {}),
        (
            [{"readinessProbe": {"httpGet": {"path": "/"}}, "lifecycle": COMMAND}],
            {"readiness_detection_s": "30"},
        ),
        (
            [{"readinessProbe": {"periodSeconds": 5, "failureThreshold": 2}, "lifecycle": COMMAND}],
            {"readiness_detection_s": "10"},
        ),
        ([], {}),
        ("no list", {}),
    ],
)
def test_sleep_and_probe_of_a_pod(containers: object, told: dict[str, str]) -> None:
    spec: dict[str, Any] = {"containers": containers}
    assert settings(spec) == told
    assert settings(lean({"kind": "Pod", "spec": spec})["spec"]) == told, "redacted or not"
