"""Leaves out of Kubernetes objects what no verdict needs and nobody should find in a dump.

Environment, commands, volumes and most annotations may hold secrets; field managers and image lists are
bulk. What the parsers read stays as the API server gave it: redacted or not, an object tells the same events.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.timeline import keep_alive

_IN_POD_SPEC = frozenset(
    {"volumes", "imagePullSecrets", "affinity", "tolerations", "topologySpreadConstraints"}
)
_IN_CONTAINER = frozenset({"env", "envFrom", "command", "args", "volumeMounts", "volumeDevices"})
_IN_PROBE = frozenset({"command", "httpHeaders"})
_IN_NODE_STATUS = frozenset({"images", "volumesInUse", "volumesAttached"})
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_HOOKS = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
_OF_MANAGERS = frozenset({"fieldsV1"})
"""When a manager last wrote stays: it is the youngest instant that many objects have."""
_ANNOTATIONS = (
    "alb.ingress.kubernetes.io/",
    "endpoints.kubernetes.io/",
    "karpenter.sh/",
    "service.beta.kubernetes.io/aws-load-balancer-",
)


def lean(value: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an object without secrets and bulk; wrong types pass through untouched.

    Left out: the fields that managers own; annotations other than those of load balancers, endpoints and
    Karpenter; of containers ``env``, ``envFrom``, ``command``, ``args`` (but for a keep-alive timeout, see
    `keep_alive`), mounts, commands and headers of probes and hooks, and the messages with which they ended;
    of pods volumes, pull secrets and scheduling rules; of nodes their images and volumes.
    """
    kept = dict(value)
    _change(kept, "metadata", _metadata)
    if kept.get("kind") == "Pod":
        _change(kept, "spec", _pod_spec)
        _change(kept, "status", _pod_status)
    elif kept.get("kind") == "Node":
        _change(kept, "status", lambda status: _without(status, _IN_NODE_STATUS))
    return kept


def listed(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same for an object of a list: kubectl leaves out ``managedFields`` there, but not in a watch."""
    kept = lean(value)
    _change(kept, "metadata", lambda metadata: _without(metadata, frozenset({"managedFields"})))
    return kept


def _change(owner: dict[str, Any], key: str, how: Any) -> None:  # noqa: ANN401 - a function on dicts
    if isinstance(owner.get(key), dict):
        owner[key] = how(owner[key])


def _without(value: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key not in keys}


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    kept = (
        {**value, "managedFields": _pruned(value["managedFields"], _OF_MANAGERS)}
        if "managedFields" in value
        else dict(value)
    )
    annotations = kept.get("annotations")
    if isinstance(annotations, dict):
        kept["annotations"] = {key: text for key, text in annotations.items() if key.startswith(_ANNOTATIONS)}
    return kept


def _pod_spec(value: dict[str, Any]) -> dict[str, Any]:
    kept = _without(value, _IN_POD_SPEC)
    for key in _CONTAINERS:
        if isinstance(kept.get(key), list):
            kept[key] = [_container(one) if isinstance(one, dict) else one for one in kept[key]]
    return kept


def _container(value: dict[str, Any]) -> dict[str, Any]:
    kept = _without(value, _IN_CONTAINER) | keep_alive.lean(value)
    for key in _HOOKS:
        if key in kept:
            kept[key] = _pruned(kept[key], _IN_PROBE)
    return kept


def _pod_status(value: dict[str, Any]) -> dict[str, Any]:
    """A terminated container's message may be the end of its log."""
    kept = dict(value)
    for key in _STATUSES:
        if isinstance(kept.get(key), list):
            kept[key] = [_container_status(one) if isinstance(one, dict) else one for one in kept[key]]
    return kept


def _container_status(value: dict[str, Any]) -> dict[str, Any]:
    kept = dict(value)
    for key in ("state", "lastState"):
        _change(kept, key, lambda state: _pruned(state, frozenset({"message"})))
    return kept


def _pruned(value: Any, keys: frozenset[str]) -> Any:  # noqa: ANN401 - any JSON
    """A JSON value without some keys, at any depth."""
    if isinstance(value, dict):
        return {key: _pruned(inner, keys) for key, inner in value.items() if key not in keys}
    return [_pruned(inner, keys) for inner in value] if isinstance(value, list) else value
