"""Hostile text stays text wherever the report shows it."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import safety
from tests.support import hostile

ANY_TEXT = st.text(st.characters(categories=["L", "N", "P", "S", "Z", "C"]))


@given(ANY_TEXT)
def test_shown_text_holds_no_control_format_or_bidirectional_character(text: str) -> None:
    assert not {unicodedata.category(char)[0] for char in safety.visible(text)} & {"C"}
    assert not {unicodedata.category(char) for char in safety.visible(text)} & {"Zl", "Zp"}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_shown_unchanged(text: str) -> None:
    assert safety.visible(text) == text


def test_hidden_characters_are_spelled_out_not_dropped() -> None:
    assert safety.visible("a\x1b[2Jb\u202ec\ud800\n\u2028é") == r"a\x1b[2Jb\u202ec\ud800\n\u2028é"


@pytest.mark.parametrize("start", [*"=+-@\t\r\n", "＝", "＋", "－", "＠"])  # noqa: RUF001 - as spreadsheets read them
def test_a_formula_in_a_csv_cell_gets_an_apostrophe(start: str) -> None:
    assert safety.csv_cell(start + "cmd|' /C calc'!A0").startswith("'")


@given(ANY_TEXT)
def test_a_csv_cell_never_starts_a_formula(text: str) -> None:
    assert not safety.csv_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_ordinary_text_in_a_csv_cell_is_left_alone() -> None:
    assert safety.csv_cell("scale_in: 10.0.1.20:31234") == "scale_in: 10.0.1.20:31234"


def test_markdown_shows_pipes_backticks_and_tags_as_they_are() -> None:
    assert safety.markdown("a | b `c` <b>") == r"a \| b \`c\` \<b\>"


def test_markdown_leaves_the_underscores_of_an_identifier() -> None:
    assert safety.markdown("keepalive_race _emphasis_") == r"keepalive_race \_emphasis\_"


def test_a_chart_label_holds_no_tag() -> None:
    assert "<" not in safety.chart(hostile.EVERYTHING)


@given(ANY_TEXT)
def test_json_in_a_page_closes_no_tag_and_means_the_same(text: str) -> None:
    sealed = safety.script_json({"text": text})
    assert not set(sealed) & set("<>&\u2028\u2029")
    assert json.loads(sealed) == {"text": text}
