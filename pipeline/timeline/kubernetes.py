"""Kubernetes dumps: what kubectl prints, a watch streams, an exporter writes and the audit log holds.

What each of them covers: `kubernetes_coverage`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pipeline.timeline import kubernetes_coverage as coverage
from pipeline.timeline.base import Document, Findings
from pipeline.timeline.decode import SKIPPED
from pipeline.timeline.kubernetes_audit import is_audit, parse_audit
from pipeline.timeline.kubernetes_events import is_event, parse_event
from pipeline.timeline.kubernetes_fetch import fetch
from pipeline.timeline.kubernetes_fields import Record, latest_instant, mapping, mappings
from pipeline.timeline.kubernetes_nodes import parse_node
from pipeline.timeline.kubernetes_pods import parse_pod
from pipeline.timeline.kubernetes_services import (
    parse_binding,
    parse_endpoint_slice,
    parse_endpoints,
    parse_service,
)
from pipeline.timeline.watch_marks import read_mark

__all__ = ["NAME", "audit_messages", "fetch", "parse", "reads"]

NAME = "kubernetes"

_AUDIT_MARK = "audit.k8s.io/"

_PARSERS: dict[str, Callable[[Record, Findings], object]] = {
    "Pod": parse_pod,
    "Node": parse_node,
    "Event": parse_event,
    "Service": parse_service,
    "EndpointSlice": parse_endpoint_slice,
    "Endpoints": parse_endpoints,
    "TargetGroupBinding": parse_binding,
}
_API_GROUPS = ("v1", "events.k8s.io/", "discovery.k8s.io/", "elbv2.k8s.aws/", "eks.amazonaws.com/")


def reads(document: Document) -> bool:
    """Whether the document is a Kubernetes object, list, watch line, exported event or audit log page."""
    value = document.value
    if _is_object(value) or _is_watch(value) or "searchedLogStreams" in value:
        return True
    if value.get("messageType") == "CONTROL_MESSAGE":
        return True  # CloudWatch Logs tries out whether a subscription delivers
    return bool(audit_messages(value))


def parse(document: Document, findings: Findings) -> None:
    """Add the events, settings and coverage of one document.

    Args:
        document: any shape that ``reads`` accepts.
        findings: rows and problems are added here.
    """
    value = document.value
    if is_audit(value) and _kind_of(value) != "EventList":
        _audit(Record(document.ref, value), document, findings)
    elif _is_watch(value):
        _watch(document, findings)
    elif _is_object(value):
        _snapshot(document, findings)
    else:
        _log_page(document, findings)


def _is_object(value: Mapping[str, Any]) -> bool:
    if is_audit(value) or is_event(value):
        return True
    kind, version = value.get("kind"), value.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or not version.startswith(_API_GROUPS):
        return False
    return kind == "List" or kind.removesuffix("List") in _PARSERS


def _is_watch(value: Mapping[str, Any]) -> bool:
    body = value.get("object")
    return isinstance(value.get("type"), str) and isinstance(body, Mapping) and "apiVersion" in body


def _kind_of(value: Mapping[str, Any]) -> str:
    kind = value.get("kind")
    return "Event" if not isinstance(kind, str) and is_event(value) else str(kind)


def _audit(record: Record, document: Document, findings: Findings) -> None:
    at = parse_audit(record, findings)
    if at:
        coverage.stream(document, findings, "audit", [at])


def _watch(document: Document, findings: Findings) -> None:
    """One line of a watch. A bookmark may be a mark of `forensics watch`; an error ends a watch."""
    change, body = document.value["type"], mapping(document.value["object"])
    kind = _kind_of(body)
    if change == "BOOKMARK":
        mark = read_mark(document.value)
        if mark:
            coverage.observed(document, findings, kind, mark)
        return
    if change == "ERROR":
        findings.problem(document.ref, f"the watch broke off: {str(body.get('message'))[:200]}")
        return
    record = Record(document.ref, body, gone=change == "DELETED")
    instants = _one(kind, record, findings)
    coverage.watched(document, findings, kind, instants, initial=change == "ADDED")


def _snapshot(document: Document, findings: Findings) -> None:
    """A list or a single object: all of it was read at the same time."""
    kinds: set[str] = set()
    instants: list[datetime] = []
    events: list[datetime] = []
    unused = Counter[str]()
    for kind, record in _items(document):
        if is_audit(record.value):
            _audit(record, document, findings)
            continue
        if kind not in _PARSERS:
            unused[kind] += 1
            continue
        found = _one(kind, record, findings)
        kinds.add(kind)
        (events if kind == "Event" else instants).extend(found)
    for kind, count in sorted(unused.items()):
        findings.problem(document.ref, f"{count} objects of kind {kind[:80]} are not used", is_loss=False)
    coverage.snapshot(document, findings, kinds, instants + events)
    if events:
        coverage.events(document, findings, events, exported="items" not in document.value)


def _items(document: Document) -> Iterator[tuple[str, Record]]:
    """Kind and record of every object; items of a raw ``PodList`` do not name their kind."""
    value = document.value
    if "items" not in value:
        yield _kind_of(value), Record(document.ref, value)
        return
    listed = str(value.get("kind")).removesuffix("List")
    skipped = value.get(SKIPPED)
    first = skipped + 1 if isinstance(skipped, int) else 1
    for index, item in enumerate(mappings(value["items"]), start=first):
        kind = _kind_of(item) if "kind" in item or not listed else listed
        yield kind, Record(f"{document.ref} items[{index}]", item)


def _one(kind: str, record: Record, findings: Findings) -> list[datetime]:
    """Parse one object and return the instants that it proves somebody was looking."""
    if kind == "Event":
        return parse_event(record, findings)
    if kind in _PARSERS:
        _PARSERS[kind](record, findings)
    at = latest_instant(record)
    return [at] if at else []


def audit_messages(value: Mapping[str, Any]) -> list[str]:
    """Texts of a CloudWatch Logs page or a Firehose record, when they hold audit events."""
    page = mappings(value.get("events")) or mappings(value.get("logEvents"))
    messages = [message for event in page if isinstance(message := event.get("message"), str)]
    return messages if any(_AUDIT_MARK in message for message in messages) else []


def _log_page(document: Document, findings: Findings) -> None:
    for index, message in enumerate(audit_messages(document.value), start=1):
        ref = f"{document.ref} events[{index}]"
        if _AUDIT_MARK not in message:
            continue  # the log group holds other streams too: authenticator, scheduler
        try:
            value = json.loads(message)
        except (ValueError, RecursionError) as problem:
            findings.problem(ref, f"an audit event that is cut or no JSON: {problem}")
            continue
        if isinstance(value, dict) and is_audit(value):
            _audit(Record(ref, value), document, findings)
