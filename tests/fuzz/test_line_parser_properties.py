"""The properties of the fuzz run, on its seeds and on drawn bytes: quick, so that it cannot rot."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.properties import check, seeds
from tests.support.alb_lines import Line, object_lines

SEEDS = seeds()
PIECES = (
    b'"',
    b"\\",
    b'\\"',
    b" ",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"-",
    b"-1",
    b'""',
    b"0x1F",
    b":",
    b"[",
    b"/",
)


@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_the_properties_hold_for_every_seed(number: int) -> None:
    check(SEEDS[number])


@pytest.mark.parametrize("fields", range(18, 41))
def test_the_properties_hold_for_every_number_of_fields(fields: int) -> None:
    more = " x" * max(0, fields - 36)
    lines = [line + more for line in object_lines(3, 4, fields=min(fields, 36))]
    check("\n".join([*lines, Line(fields=29).render()]).encode())


@settings(max_examples=150)
@given(st.binary(max_size=300))
def test_the_properties_hold_for_any_bytes(data: bytes) -> None:
    check(data)
    check(gzip.compress(data))


@settings(max_examples=200)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 3), st.sampled_from(PIECES)), max_size=4),
)
def test_the_properties_hold_for_damaged_lines(line: bytes, damage: list[tuple[int, int, bytes]]) -> None:
    for place, length, piece in damage:
        line = line[:place] + piece + line[place + length :]
    check(line)
