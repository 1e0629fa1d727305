"""Audit logs and events as pipelines deliver them: Firehose, Lambda and Kinesis records, exporters."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.timeline import inflate, packed
from pipeline.timeline.folder import Timeline, read_timeline
from tests.support.kubernetes_dumps import FIXTURES

ENVELOPES = [
    json.loads(line) for line in (FIXTURES / "cloudwatch_subscription.jsonl").read_text().splitlines()
]


def read(folder: Path, content: bytes, name: str = "audit-stream-1-2026-03-02-11-30-00-0f3a") -> Timeline:
    (folder / name).write_bytes(content)
    return read_timeline(folder)


def data(value: Any) -> str:  # noqa: ANN401 - any JSON
    return base64.b64encode(gzip.compress(json.dumps(value).encode())).decode()


def told(timeline: Timeline) -> list[tuple[str, str]]:
    rows = timeline.events.select("pod_name", "occurred_at").rows()
    return [(name, at.strftime("%H:%M:%S")) for name, at in rows]


DELETIONS = [("shop/web-1", "11:30:00"), ("shop/web-3", "11:45:00")]


def members() -> bytes:
    """A Firehose object: one gzip member per envelope, one behind the other."""
    return b"".join(gzip.compress(json.dumps(one).encode()) for one in ENVELOPES)


@pytest.mark.parametrize(
    "content",
    [
        members(),
        gzip.compress(members()),
        "".join(json.dumps(one) for one in ENVELOPES).encode(),
        json.dumps({"awslogs": {"data": data(ENVELOPES[1])}}).encode()
        + json.dumps({"awslogs": {"data": data(ENVELOPES[2])}}).encode(),
        json.dumps({"Records": [{"kinesis": {"data": data(one)}} for one in ENVELOPES]}).encode(),
        json.dumps({"Records": [{"Data": data(one)} for one in ENVELOPES]}).encode(),
        json.dumps({"records": [{"recordId": "1", "data": data(one)} for one in ENVELOPES]}).encode(),
    ],
    ids=[
        "firehose",
        "firehose set to gzip",
        "inflated",
        "lambda",
        "kinesis",
        "get-records",
        "transformation",
    ],
)
def test_every_way_of_delivery_gives_the_same_events(tmp_path: Path, content: bytes) -> None:
    timeline = read(tmp_path, content)
    assert told(timeline) == DELETIONS
    assert timeline.problems == []
    (span,) = timeline.coverage.select("source", "covered_from", "covered_to").rows()
    assert span[0] == "audit"
    assert (span[1].strftime("%H:%M:%S"), span[2].strftime("%H:%M:%S")) == ("11:30:00", "11:45:00")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (data(ENVELOPES[1])[:-8], "cannot be unpacked"),
        (data(ENVELOPES[1])[:40] + "!" + data(ENVELOPES[1])[41:], "cannot be unpacked"),
        (data([1]), "its data is list, not an object"),
    ],
    ids=["cut off", "a bad byte", "a list"],
)
def test_a_damaged_record_costs_itself_only(tmp_path: Path, broken: str, said: str) -> None:
    whole = data(ENVELOPES[2])
    timeline = read(
        tmp_path, json.dumps({"records": [{"data": broken}, {"data": whole}]}).encode(), "records.json"
    )
    assert told(timeline) == DELETIONS[1:]
    assert [problem.ref for problem in timeline.problems] == ["records.json record 1"]
    assert said in timeline.problems[0].what


def test_a_record_that_inflates_too_far_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MOST_BYTES", 1000)
    bomb = data({**ENVELOPES[1], "padding": " " * 10_000})
    timeline = read(tmp_path, json.dumps({"awslogs": {"data": bomb}}).encode(), "event.json")
    assert "more than 1000 bytes" in timeline.problems[0].what
    assert told(timeline) == []


def test_a_bomb_within_a_bomb_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "MOST_BYTES", 1 << 20)
    empty_members = gzip.compress(b"") * 100_000
    timeline = read(tmp_path, gzip.compress(empty_members), "bomb.json.gz")
    assert any("inflates to more than" in problem.what for problem in timeline.problems)


def test_a_control_message_is_no_unknown_dump(tmp_path: Path) -> None:
    timeline = read(tmp_path, json.dumps(ENVELOPES[0]).encode(), "control.json")
    assert timeline.problems == []


def test_an_exporters_lines_are_events(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes((FIXTURES / "event_exporter.jsonl").read_bytes())
    timeline = read_timeline(tmp_path)
    assert timeline.problems == []
    rows = timeline.events.select("kind", "occurred_at", "pod_uid", "node_name").rows()
    assert [(kind, at.strftime("%H:%M:%S")) for kind, at, _, _ in rows] == [
        ("pod_scheduled", "08:00:01"),
        ("probe_failed", "11:29:10"),
        ("probe_failed", "11:29:40"),
        ("pod_deletion_requested", "11:30:00"),
    ]
    assert {uid for _, _, uid, _ in rows} == {"p-1"}
    (span,) = timeline.coverage.select("source", "covered_from", "covered_to").rows()
    assert (span[0], span[1].hour, span[2].hour) == ("kube_events", 8, 11)
