"""How long a pod goes on answering after it was told to go, and how soon its readiness probe would tell."""

from collections.abc import Mapping
from typing import Any

from pipeline.timeline.kubernetes_fields import mapping, mappings, number

_PERIOD_S, _FAILURES = 10, 3
"""Kubernetes' defaults of a probe."""


def settings(spec: Mapping[str, Any]) -> dict[str, str]:
    """``pre_stop_sleep_s`` and ``readiness_detection_s`` of a pod's spec, as far as it tells them.

    The shortest sleep of its containers counts: no hook is none, a hook that runs a command tells nothing.
    Of the probes the slowest counts.
    """
    containers = list(mappings(spec.get("containers")))
    sleeps = [_sleep_s(mapping(mapping(one.get("lifecycle")).get("preStop"))) for one in containers]
    probes = [probe for one in containers if (probe := mapping(one.get("readinessProbe")))]
    found = dict[str, float]()
    known = [sleep for sleep in sleeps if sleep is not None]
    if known and len(known) == len(containers):
        found["pre_stop_sleep_s"] = min(known)
    if probes:
        found["readiness_detection_s"] = max(_detection_s(probe) for probe in probes)
    return {name: f"{value:g}" for name, value in found.items()}


def _sleep_s(hook: Mapping[str, Any]) -> float | None:
    if not hook:
        return 0.0
    return number(mapping(hook.get("sleep")).get("seconds"))


def _detection_s(probe: Mapping[str, Any]) -> float:
    period, failures = number(probe.get("periodSeconds")), number(probe.get("failureThreshold"))
    return (period or _PERIOD_S) * (failures or _FAILURES)
