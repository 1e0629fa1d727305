"""Services, endpoints and target group bindings: which pods a target group's requests reach."""

import json
from collections.abc import Mapping
from typing import Any

from pipeline.model import EventKind
from pipeline.timeline.base import Findings
from pipeline.timeline.kubernetes_fields import (
    SOURCE,
    Record,
    full_name,
    labels_of,
    mapping,
    mappings,
    metadata,
    moment,
    text,
)

_LAST_CHANGE = "endpoints.kubernetes.io/last-change-trigger-time"


def parse_service(record: Record, findings: Findings) -> None:
    """Add a Service's ports, selector, type and traffic policy on ``service/<namespace>/<name>``."""
    name = full_name(record)
    if name is None:
        findings.problem(record.ref, "a Service without a name")
        return
    spec = mapping(record.value.get("spec"))
    selector = mapping(spec.get("selector"))
    values = {
        "type": text(spec.get("type")),
        "external_traffic_policy": text(spec.get("externalTrafficPolicy")),
        "internal_traffic_policy": text(spec.get("internalTrafficPolicy")),
        "health_check_node_port": _port(spec.get("healthCheckNodePort")),
        "selector": json.dumps(selector, sort_keys=True) if selector else None,
    }
    for port in mappings(spec.get("ports")):
        node_port = _port(port.get("nodePort"))
        if node_port:
            values[f"node_port:{node_port}"] = _port(port.get("targetPort")) or _port(port.get("port"))
    created_at = moment(record, findings, metadata(record).get("creationTimestamp"))
    for setting, value in values.items():
        if value is not None:
            findings.setting(f"service/{name}", setting, value, source=SOURCE, valid_from=created_at)


def parse_endpoint_slice(record: Record, findings: Findings) -> None:
    """Add which pods an EndpointSlice gives to its service, and its last change."""
    namespace = text(metadata(record).get("namespace")) or "default"
    service = labels_of(record).get("kubernetes.io/service-name")
    if service is None:
        findings.problem(record.ref, "an EndpointSlice that names no service")
        return
    endpoints = mappings(record.value.get("endpoints"))
    for endpoint in endpoints:
        _serve(findings, f"{namespace}/{service}", namespace, mapping(endpoint.get("targetRef")))
    conditions = [mapping(endpoint.get("conditions")) for endpoint in endpoints]
    ready = sum(condition.get("ready") is not False for condition in conditions)
    leaving = sum(condition.get("terminating") is True for condition in conditions)
    _changed(record, findings, f"{namespace}/{service}", f"{ready} ready, {leaving} terminating")


def parse_endpoints(record: Record, findings: Findings) -> None:
    """Add the same from an Endpoints object, the older form."""
    name = full_name(record)
    if name is None:
        findings.problem(record.ref, "an Endpoints object without a name")
        return
    subsets = mappings(record.value.get("subsets"))
    ready = [address for subset in subsets for address in mappings(subset.get("addresses"))]
    unready = [address for subset in subsets for address in mappings(subset.get("notReadyAddresses"))]
    for address in ready + unready:
        _serve(findings, name, name.split("/")[0], mapping(address.get("targetRef")))
    _changed(record, findings, name, f"{len(ready)} ready, {len(unready)} not ready")


def parse_binding(record: Record, findings: Findings) -> None:
    """Add which service a target group leads to (TargetGroupBinding of the AWS load balancer controller)."""
    spec = mapping(record.value.get("spec"))
    namespace = text(metadata(record).get("namespace")) or "default"
    reference = mapping(spec.get("serviceRef"))
    group, service = text(spec.get("targetGroupARN")), text(reference.get("name"))
    if group is None or service is None:
        findings.problem(record.ref, "a TargetGroupBinding without target group or service")
        return
    created_at = moment(record, findings, metadata(record).get("creationTimestamp"))
    values = {
        "service": f"{namespace}/{service}",
        "service_port": _port(reference.get("port")),
        "target_type": text(spec.get("targetType")),
        "vpc_id": text(spec.get("vpcID")),
    }
    for setting, value in values.items():
        if value is not None:
            findings.setting(group, setting, value, source=SOURCE, valid_from=created_at)
    resource = f"service/{namespace}/{service}"
    findings.setting(resource, "target_group_arn", group, source=SOURCE, valid_from=created_at)


def _serve(findings: Findings, service: str, namespace: str, reference: Mapping[str, Any]) -> None:
    if reference.get("kind") != "Pod" or not (reference.get("uid") or reference.get("name")):
        return
    pod = (
        text(reference.get("uid"))
        or f"{text(reference.get('namespace')) or namespace}/{reference.get('name')}"
    )
    findings.setting(f"pod/{pod}", "service", service, source=SOURCE)


def _changed(record: Record, findings: Findings, service: str, detail: str) -> None:
    annotations = mapping(metadata(record).get("annotations"))
    at = moment(record, findings, annotations.get(_LAST_CHANGE))
    if at:
        own_id = f"{service}|{metadata(record).get('name')}|{at.isoformat()}"
        findings.event(
            EventKind.ENDPOINTS_CHANGED,
            at,
            source=SOURCE,
            own_id=own_id,
            source_ref=record.ref,
            service=service,
            detail=detail,
        )


def _port(value: object) -> str | None:
    """A port as text: a number, or the name of a container port."""
    if isinstance(value, bool) or value is None:
        return None
    return str(value) if isinstance(value, int) else text(value)
