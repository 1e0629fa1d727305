"""The audit log from CloudWatch Logs: unmodified boto3 against a server that answers in its name."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from pipeline.timeline import kubernetes_audit_fetch
from pipeline.timeline.folder import read_timeline
from pipeline.timeline.kubernetes_audit_fetch import PATTERN, fetch
from pipeline.timeline.kubernetes_fetch import Fetched
from tests.support.aws_stand_in import Answer, Asked, stand_in
from tests.support.timeline_dumps import FIXTURES

GROUP = "/aws/eks/shop/cluster"
SINCE = datetime(2026, 3, 2, 11, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=1)
PAGE: dict[str, Any] = json.loads((FIXTURES / "filter-log-events.json").read_text())
MS = PAGE["events"][0]["timestamp"]


class Logs:
    """CloudWatch Logs with the given pages; page ``n`` follows token ``n``."""

    def __init__(self, *pages: dict[str, Any] | int) -> None:
        self.pages = pages
        self.asked: list[dict[str, Any]] = []

    def __call__(self, asked: Asked) -> Answer:
        assert asked.headers["x-amz-target"] == "Logs_20140328.FilterLogEvents"
        body = json.loads(asked.body)
        self.asked.append(body)
        page = self.pages[int(body.get("nextToken", 0))]
        if isinstance(page, int):
            name = {403: "AccessDeniedException", 400: "ResourceNotFoundException"}[page]
            return Answer(400, json.dumps({"__type": name, "message": "no"}).encode())
        return Answer(200, json.dumps(page).encode(), {"Content-Type": "application/x-amz-json-1.1"})


@pytest.fixture
def made() -> Iterator[list[Any]]:
    clients: list[Any] = []
    yield clients
    for client in clients:
        client.close()


def run(logs: Logs, folder: Path, made: list[Any], endpoint: str | None = None) -> Fetched:
    with stand_in(logs) as server:
        client = boto3.client(
            "logs",
            endpoint_url=endpoint or server.endpoint,
            region_name="eu-west-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",  # noqa: S106 - no secret
            config=Config(retries={"max_attempts": 0}),
        )
        made.append(client)
        return fetch(client, GROUP, SINCE, UNTIL, folder)


def test_pages_are_stored_and_read_like_a_dump(tmp_path: Path, made: list[Any]) -> None:
    empty = {"events": [], "nextToken": "2"}
    logs = Logs({**PAGE, "nextToken": "1"}, empty, {"events": [{**PAGE["events"][0], "eventId": "40"}]})
    done = run(logs, tmp_path / "live", made)
    assert (done.covered_from, done.covered_to, done.objects, done.message) == (SINCE, UNTIL, 2, "")
    live = read_timeline(tmp_path / "live")
    (tmp_path / "dump").mkdir()
    (tmp_path / "dump" / "page.json").write_text(json.dumps(PAGE))
    assert live.problems == []
    assert live.events.drop("source_ref").equals(read_timeline(tmp_path / "dump").events.drop("source_ref"))
    assert live.events.height > 0


def test_only_the_window_and_what_makes_events_is_asked_for(tmp_path: Path, made: list[Any]) -> None:
    logs = Logs({"events": []})
    run(logs, tmp_path, made)
    assert logs.asked == [
        {
            "logGroupName": GROUP,
            "logStreamNamePrefix": "kube-apiserver-audit",
            "startTime": int(SINCE.timestamp() * 1000),
            "endTime": int(UNTIL.timestamp() * 1000),
            "filterPattern": PATTERN,
        }
    ]


def test_a_refusal_names_the_permission(tmp_path: Path, made: list[Any]) -> None:
    done = run(Logs(403), tmp_path, made)
    assert (done.is_reached, done.denied, done.covered_from) == (True, "logs:FilterLogEvents", None)
    assert "AccessDeniedException" in done.message


def test_a_missing_group_is_a_sentence(tmp_path: Path, made: list[Any]) -> None:
    done = run(Logs(400), tmp_path, made)
    assert (done.denied, done.message) == (
        None,
        "/aws/eks/shop/cluster: logs:FilterLogEvents failed (ResourceNotFoundException); read nothing",
    )


def test_an_unreachable_service_is_a_sentence(tmp_path: Path, made: list[Any]) -> None:
    done = run(Logs(), tmp_path, made, endpoint="http://127.0.0.1:9")
    assert not done.is_reached
    assert "logs:FilterLogEvents failed" in done.message


def test_what_was_read_before_an_error_is_kept(tmp_path: Path, made: list[Any]) -> None:
    done = run(Logs({**PAGE, "nextToken": "1"}, 403), tmp_path, made)
    assert done.covered_to == datetime.fromtimestamp(MS / 1000, tz=UTC)
    assert read_timeline(tmp_path).events.height > 0


def test_pages_in_a_circle_end(tmp_path: Path, made: list[Any]) -> None:
    done = run(Logs({**PAGE, "nextToken": "1"}, {**PAGE, "nextToken": "1"}), tmp_path, made)
    assert "go in a circle" in done.message


def test_the_number_of_pages_is_bounded(
    tmp_path: Path, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_audit_fetch, "MOST_PAGES", 2)
    logs = Logs({**PAGE, "nextToken": "1"}, {"events": [], "nextToken": "2"}, {"events": []})
    done = run(logs, tmp_path, made)
    assert len(logs.asked) == 2
    assert "more than 2 pages" in done.message
    assert done.covered_to == datetime.fromtimestamp(MS / 1000, tz=UTC)
