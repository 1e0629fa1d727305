"""Builders and readers for tests of Kubernetes dumps."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.timeline import kubernetes
from pipeline.timeline.base import Document, Findings
from pipeline.timeline.documents import read_documents

FIXTURES = Path(__file__).parents[2] / "fixtures" / "timeline"
READ_AT = datetime(2030, 1, 1, tzinfo=UTC)


def document(value: dict[str, Any], ref: str = "dump.json") -> Document:
    return Document(ref, "dump", value, READ_AT)


def parsed(*values: dict[str, Any]) -> Findings:
    findings = Findings()
    for number, value in enumerate(values, start=1):
        one = document(value, f"dump.json#{number}" if number > 1 else "dump.json")
        assert kubernetes.reads(one)
        kubernetes.parse(one, findings)
    return findings


def from_fixture(name: str) -> Findings:
    findings = Findings()
    for one in read_documents(FIXTURES / name, findings):
        assert kubernetes.reads(one)
        kubernetes.parse(one, findings)
    return findings


def pod(name: str = "web-1", *, created: str = "2026-03-02T08:00:00Z", **metadata: object) -> dict[str, Any]:
    meta = {"name": name, "namespace": "shop", "uid": f"u-{name}", "creationTimestamp": created, **metadata}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"nodeName": "n"}, "status": {}}


def watched(change: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": change, "object": value}


def kinds(findings: Findings) -> list[tuple[str, str]]:
    return sorted((row["kind"], row["occurred_at"].strftime("%H:%M:%S")) for row in findings.events)


def spans(findings: Findings, source: str) -> list[tuple[str, str]]:
    rows = [row for row in findings.coverage if row["source"] == source]
    return [
        (row["covered_from"].strftime("%H:%M:%S"), row["covered_to"].strftime("%H:%M:%S")) for row in rows
    ]
