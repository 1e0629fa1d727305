"""Every source is one module: its name, what it reads, how it is fetched; parsing touches nothing else."""

import builtins
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.timeline import (
    autoscaling,
    cloudtrail,
    cloudwatch,
    collection,
    ec2,
    elbv2,
    eventbridge,
    kubernetes,
)
from pipeline.timeline.base import Document, Findings
from pipeline.timeline.registry import SOURCES
from tests.support.timeline_dumps import FIXTURES, READ_AT, parsed

FETCHED = (autoscaling, ec2, elbv2, cloudtrail, cloudwatch, kubernetes)
TOLD = (eventbridge, collection)
"""What nobody can be asked for: events that a rule delivered, and our own record of a collection."""


def test_every_source_is_known_and_has_its_name_to_itself() -> None:
    assert {one.NAME for one in SOURCES} == {one.NAME for one in (*FETCHED, *TOLD)}
    assert len({one.NAME for one in SOURCES}) == len(SOURCES)


@pytest.mark.parametrize("source", FETCHED, ids=lambda one: one.NAME)
def test_a_source_that_can_be_asked_has_a_fetch_beside_its_parse(source: ModuleType) -> None:
    assert all(callable(getattr(source, name)) for name in ("fetch", "reads", "parse"))


def test_dumps_are_read_without_any_client_of_aws_or_kubernetes() -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.timeline.folder import read_timeline; "
        f"found = read_timeline(Path({str(FIXTURES)!r})); assert found.events.height; "
        "print(*sorted({'boto3', 'botocore', 'kubernetes', 'urllib3'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stderr, run.stdout) == ("", "\n")


def test_parsing_opens_no_file_and_no_connection_and_gives_the_same_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = {path.stem: json.loads(path.read_text()) for path in sorted(FIXTURES.parent.rglob("*.json"))}
    expected = {name: parsed(value, name) for name, value in pages.items()}

    def refused(*_: Any, **__: Any) -> Any:  # noqa: ANN401 - stands in for anything
        raise AssertionError("parsing reached out")

    for place, name in ((builtins, "open"), (io, "open"), (os, "open"), (socket, "socket"), (Path, "open")):
        monkeypatch.setattr(place, name, refused)
    again = {name: Findings() for name in pages}
    for name, value in pages.items():
        document = Document(f"{name}.json", name, value, READ_AT)
        for source in SOURCES:
            if source.reads(document):
                source.parse(document, again[name])
    monkeypatch.undo()
    assert again == expected
    assert sum(len(found.events) for found in again.values()) > 10
