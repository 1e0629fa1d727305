"""The terminal summary fits 80 columns, needs no colour, and obeys nobody else's escape codes."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from pipeline.engine.duckdb import Engine
from pipeline.report import terminal
from pipeline.report.facts import Neighbour
from pipeline.report.summary import Summary, summarise
from tests.support import hostile
from tests.support.incident import Incident, incident


@pytest.fixture(scope="module")
def summary() -> Summary:
    with Engine() as engine:
        incident().attach(engine)
        return summarise(engine)


def printed(summary: Summary, encoding: str = "utf-8", *, colour: bool = False) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    terminal.render(summary, Console(file=stream, width=80, force_terminal=colour))
    return raw.getvalue().decode(encoding)


def test_the_verdict_comes_first_and_the_remedy_after_the_causes(summary: Summary) -> None:
    text = " ".join(printed(summary).split())
    assert text.startswith(summary.verdict)
    assert text.index("conntrack_reset") < text.index("Change first") < text.index("Not watched")
    assert summary.top_remedy in text


def test_the_next_remedies_follow_the_first_each_with_what_it_saves(summary: Summary) -> None:
    text = " ".join(printed(summary).split())
    then = text[text.index(" Then ") : text.index("Not watched")]
    ranked = sorted((row for row in summary.by_cause if row.is_decided), key=lambda row: -row.expected_errors)
    assert ranked[0].remedy not in then
    assert [row.cause for row in ranked if row.remedy in then] == [row.cause for row in ranked[1:3]]
    assert f"{ranked[1].cause}: about" in then


def test_no_line_is_wider_than_80_columns(summary: Summary) -> None:
    assert max(len(line) for line in printed(summary).splitlines()) <= 80


def test_each_cause_has_errors_share_confidence_and_a_curve(summary: Summary) -> None:
    line = next(line for line in printed(summary).splitlines() if line.startswith("scale_in"))
    assert line.split()[:4] == ["scale_in", "529", "42%", "96%"]
    assert "█" in line


def test_other_answers_of_the_load_balancer_are_one_line_and_absent_without_any(summary: Summary) -> None:
    assert "Also seen" not in printed(summary)
    seen = (Neighbour(503, "no_targets", 1212), Neighbour(0, "client_connection_used_up", 3))
    text = printed(replace(summary, also_seen=seen))
    assert "503 no_targets 1,212, 000 client_connection_used_up 3" in text


def test_a_piped_summary_holds_no_escape_code(summary: Summary) -> None:
    assert "\x1b" not in printed(summary)


def test_where_blocks_cannot_be_shown_the_curve_is_ascii(summary: Summary) -> None:
    text = printed(summary, "ascii")
    assert text.isascii()
    assert "@" in next(line for line in text.splitlines() if line.startswith("scale_in"))


def test_hostile_text_neither_commands_the_terminal_nor_is_read_as_markup(summary: Summary) -> None:
    named = replace(summary.by_cause[0], cause=hostile.MARKUP + hostile.TERMINAL)
    attacked = replace(
        summary, top_remedy=hostile.EVERYTHING, by_cause=[named], coverage_warnings=[hostile.MARKUP]
    )
    text = printed(attacked, colour=True)
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "[bold red]x[/]" in text
    assert r"\x1b[2J" in text


def test_without_errors_only_the_verdict_is_printed() -> None:
    with Engine() as engine:
        Incident().attach(engine)
        empty = summarise(engine)
    assert printed(empty) == "No request reached a target, so there is nothing to attribute.\n"
