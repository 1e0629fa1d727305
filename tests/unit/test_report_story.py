"""One request's story: in 80 columns, harmless, and with a sum that adds up."""

import io
import json
import re
from typing import Any

import pytest
from rich.console import Console

from pipeline.attribute import run
from pipeline.model import Window
from pipeline.report import story
from pipeline.report.story import Story
from pipeline.usecases.explain import explain
from pipeline.usecases.incident import Incident
from tests.support import small_world

CASE: dict[str, Any] = {
    "errors": [
        {"shape": "closed_midway", "at": 930.2, "targets": [1, 2, 3], "count": 9},
        {"shape": "connect_timeout", "at": 700.0, "target": 2},
    ],
    "pods": [{"name": "a", "drain": 900, "left": 930}],
    "nodes": [{"target": 2, "left": 640, "group": "bulk"}],
    "rate": 0.5,
}


def told(case: dict[str, Any], cause: str) -> Story:
    """The story of the first error with that verdict."""
    with small_world.attributed(case) as engine:
        run.examine(engine, Window())
        found = engine.table("attributions")
        incident = Incident(engine, found, None, [], 0)
        wanted = found.filter(found["cause"] == cause)["request_id"][0]
        return explain(incident, wanted)


def printed(one: Story, width: int = 80) -> str:
    to = io.StringIO()
    story.render(one, Console(file=to, width=width, highlight=False, markup=False, emoji=False))
    return to.getvalue()


@pytest.fixture(scope="module")
def node_loss() -> Story:
    return told(CASE, "scale_in")


def test_the_story_fits_eighty_columns_and_has_every_part(node_loss: Story) -> None:
    text = printed(node_loss)
    assert max(map(len, text.splitlines())) <= 80
    for part in ("scale_in (", "change ", "logged in", "was then", "node-2 (bulk)", "left ", "Timeline"):
        assert part in " ".join(text.split()) + " "
    assert re.search("REQUEST +failed: 504 .connect_timeout.", text)


def test_the_printed_column_adds_up_to_the_printed_confidence(node_loss: Story) -> None:
    rows = {
        name.strip(): float(first)
        for name, first in re.findall(r"(?m)^ (.+?)  +([-+]?\d+\.\d+)\b", printed(node_loss))
        if not name.strip()[0].isdigit()
    }
    score = sum(rows[name] for name in rows if name.startswith(("fit of", "+ rate", "+ what", "+ that")))
    assert rows["= score"] == pytest.approx(score, abs=0.03)
    assert rows["= ln probability"] == pytest.approx(
        rows["= score"] + rows["- all candidates together"], abs=0.02
    )
    assert rows["= confidence"] == pytest.approx(node_loss.error["confidence"], abs=1e-3)


def test_the_timeline_is_in_the_order_of_time(node_loss: Story) -> None:
    steps = printed(node_loss).split("Timeline (s from the failure)")[1].split("Over the whole")[0]
    offsets = [float(one) for one in re.findall(r"(?m)^\s+([-+]\d+\.\d+)  ", steps)]
    assert offsets == sorted(offsets)
    assert len(offsets) >= 2


def test_a_verdict_for_want_of_evidence_says_what_the_sum_says() -> None:
    case = {"errors": [{"shape": "connect_timeout", "at": 700.0, "target": 2}], "covered": [], "rate": 0.5}
    text = printed(told(case, "insufficient_evidence"))
    assert "is not the verdict: what would show an event did not watch then" in " ".join(text.split())
    assert "x a source did not watch" in text


def test_a_path_with_terminal_commands_is_shown_and_not_obeyed() -> None:
    evil = "/a\x1b[2J\u202e[bold]"
    case = {"errors": [{"shape": "target_answered", "at": 700.0, "target": 2, "path": evil}], "rate": 0.5}
    text = printed(told(case, "target_generated"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[NJ\\u202e[bold]" in "".join(text.split())


def test_the_document_is_ascii_and_its_terms_add_up(node_loss: Story) -> None:
    to = io.BytesIO()
    story.write_json(node_loss, to)
    document = json.loads(to.getvalue().decode("ascii"))
    assert document["error"]["cause"] == "scale_in"
    assert sum(row["probability"] for row in document["waterfall"]) == pytest.approx(1.0)
    assert document["error"]["failed_at"].endswith("Z")
    assert document["lifetimes"][0]["node_name"] == "node-2"
