"""The split of whole columns says what the split of one text says, or leaves the text to it."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest import request_line, splits

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" "), max_size=12)
texts = st.one_of(st.none(), st.lists(words | st.just(""), max_size=5).map(" ".join))


@given(st.lists(texts, max_size=20), st.integers(0, 3))
def test_usual_request_lines_are_split_as_one_by_one(requests: list[str | None], skipped: int) -> None:
    column = pa.array(requests, pa.string()).slice(skipped)
    parts = splits.requests(column)
    found = zip(*(part.to_pylist() for part in (parts.verb, parts.url, parts.proto)), strict=True)
    for text, usual, split in zip(column.to_pylist(), parts.usual, found, strict=True):
        if usual:
            assert request_line.split(text or "") == (*split, None)


@given(words.filter(len), words.filter(len), words.filter(len))
def test_three_words_are_usual_and_every_other_number_is_not(verb: str, url: str, proto: str) -> None:
    usual = f"{verb} {url} {proto}"
    column = pa.array([usual, f"{usual} ", f" {usual}", f"{verb} {url}", f"{usual} x", verb, "", None])
    assert splits.requests(column).usual.tolist() == [True] + [False] * 7
