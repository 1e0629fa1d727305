"""Whatever the bytes, every line is accounted for, and the fast path agrees with the exact one."""

import gzip
import io
import random
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest import fast, lenient
from pipeline.ingest.blocks import Block
from pipeline.ingest.escapes import decode
from pipeline.ingest.layout import PARSER_VERSION
from pipeline.ingest.objects import ObjectReader, parse_block
from pipeline.ingest.parsed import Origin, Parsed
from pipeline.model import REQUESTS
from tests.support import alb_rows
from tests.support.alb_lines import Line, escape, gateway_error, object_lines, render

ORIGIN = Origin("key", "198.51.100.9")
LAYOUTS = (18, 20, 23, 24, 25, 27, 29, 30, 33, 34, 36)

words = st.text(st.characters(codec="ascii", exclude_characters='"\\\n\r'), max_size=12)
agents = st.one_of(
    words, st.text(max_size=12).map(escape), st.sampled_from([r"a\"b", "x\\", r"\"", 'a"b', "é", " "])
)
requests = st.one_of(
    st.sampled_from(
        [
            "GET /x HTTP/1.1",
            "- http://h:80- -",
            "- http://h:80- ",
            "GET / HTTP/1.0 ",
            "x",
            "",
            " ",
            "  ",
            "-",
            "GET /",
        ]
    ),
    words,
    st.tuples(words, words, words).map(" ".join),
)
numbers = st.sampled_from(
    ["0", "-1", "1.5", ".5", "5.", "+1", "1e3", "nan", "inf", "-", "", "0x1F", "007", "1_0", "99999"]
)
instants = st.datetimes(datetime(2000, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
addresses = st.sampled_from(
    ["-", "10.0.0.1:80", "::1:80", "[::1]:80", ":80", "a:", "a:70000", "h:123456", "x", ""]
)

lines = st.builds(
    Line,
    time=instants,
    type=st.sampled_from(["https", "h2", "ws", "new-type", "-", "", "X"]) | st.just("https"),
    elb=st.sampled_from(["app/a/1", "app/b/2", "net/a/1", "a", "-"]) | st.just("app/a/1"),
    client=addresses | st.just("203.0.113.7:40312"),
    target=addresses | st.just("10.0.0.1:80"),
    times=st.tuples(st.just("0.001"), numbers | st.just("0.002"), st.just("-1")),
    elb_status=numbers | st.just("502"),
    received=numbers | st.just("12"),
    request=requests,
    user_agent=agents,
    domain=st.sampled_from(["a", " a", "a ", "-", ""]),
    extra=st.tuples(words, st.just("-")),
    fields=st.sampled_from(LAYOUTS),
)
odd = st.one_of(
    st.just(b""),
    st.just(b" "),
    st.just(b"\r"),
    st.just(b'"'),
    st.just(b"a b c"),
    st.just(b"\xef\xbb\xbfhttp"),
    st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")),
)


def rows_of(parts: list[Parsed]) -> list[dict[str, Any]]:
    tables = [table for part in parts for table in part.tables]
    rows = [one for table in tables for one in table.to_pylist()]
    return sorted(rows, key=lambda one: one["line_number"])


def rejects_of(parts: list[Parsed]) -> list[Any]:
    return sorted((one for part in parts for one in part.rejects), key=lambda one: one.line_number)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600), st.booleans())
def test_any_bytes_become_rows_and_rejects_that_add_up_to_the_lines(raw: bytes, packed: bool) -> None:  # noqa: FBT001 - drawn
    content = gzip.compress(raw) if packed else raw
    reader = ObjectReader(io.BytesIO(content), ORIGIN)
    parts = list(reader.parse())
    total = sum(part.lines for part in parts)
    assert sum(part.rows + len(part.rejects) for part in parts) == total
    if raw[:2] != b"\x1f\x8b":
        text = raw.removeprefix(b"\xef\xbb\xbf")
        assert total == text.count(b"\n") + (not text.endswith(b"\n") and text != b"")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1 << 30),
    st.sampled_from(LAYOUTS),
    st.lists(st.one_of(lines.map(lambda line: line.render().encode()), odd), max_size=12),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_the_fast_path_gives_the_rows_of_the_exact_one(
    seed: int, fields: int, strange: list[bytes], end: bytes
) -> None:
    mixed = [line.encode() for line in object_lines(seed, 30, fields=fields)] + strange
    random.Random(seed).shuffle(mixed)  # noqa: S311 - an order
    block = _block(end.join(mixed) + end)
    exact = [lenient.parse(block.numbered(), ORIGIN)]
    mostly_fast = list(parse_block(block, ORIGIN))
    assert rows_of(mostly_fast) == rows_of(exact)
    assert rejects_of(mostly_fast) == rejects_of(exact)
    assert {name for part in mostly_fast for table in part.tables for name in table.column_names} <= set(
        REQUESTS.schema.names
    )


def _block(raw: bytes) -> Block:
    return Block(raw, 0, len(raw), 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 30), st.sampled_from(LAYOUTS))
def test_generated_entries_all_take_the_fast_path(seed: int, fields: int) -> None:
    block = _block("".join(f"{line}\n" for line in object_lines(seed, 20, fields=fields)).encode())
    rows = fast.parse(block, fields, ORIGIN)
    assert rows is not None
    assert (rows.table.num_rows, list(rows.left_over)) == (20, [])
    assert rows.table.schema.equals(REQUESTS.schema, check_metadata=True)


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        Line,
        time=instants,
        user_agent=st.text(min_size=1, max_size=20).map(escape),
        request=st.tuples(
            st.sampled_from(["GET", "POST"]), words, st.sampled_from(["HTTP/1.1", "HTTP/2.0"])
        ).map(" ".join),
        fields=st.sampled_from(LAYOUTS),
    )
)
def test_rendering_a_parsed_line_gives_the_line_back(line: Line) -> None:
    parsed = lenient.parse([(1, line.render().encode())], Origin("key"))
    assert parsed.rejects == []
    row = parsed.tables[0].to_pylist()[0]
    assert render(alb_rows.values(row)[: line.fields]) == line.render()


@given(st.text(max_size=30))
def test_escaping_and_decoding_give_the_text_back(text: str) -> None:
    clean = text.encode("utf-8", errors="ignore").decode()
    if not any(mark in escape(clean) for mark in ("\\x000000",)):
        assert decode(escape(clean)) == clean


def test_gateway_errors_are_rendered_as_the_load_balancer_writes_them() -> None:
    parsed = lenient.parse([(1, gateway_error(Line(), 504).render().encode())], ORIGIN)
    row = parsed.tables[0].to_pylist()[0]
    assert (row["elb_status_code"], row["target_status_code"], row["target_processing_time"]) == (
        504,
        None,
        -1,
    )
    assert isinstance(parsed.tables[0], pa.Table)
    assert PARSER_VERSION
