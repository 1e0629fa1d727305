"""Whatever the bytes, every line of every kind of log is accounted for, and what was written is read back."""

import gzip
import io
import json
import re
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest import lenient
from pipeline.ingest.kinds import ACCESS, CONNECTION, HEALTH_CHECK, Kind
from pipeline.ingest.parsed import Origin, Parsed
from pipeline.ingest.readers import Reading, reading
from pipeline.ingest.source import Candidate
from pipeline.ingest.tokens import tokenise
from tests.support.alb_lines import escape, object_lines
from tests.support.other_logs import CheckLine, ConnectionLine, records, w3c_lines

KINDS = {"conn_log_": CONNECTION, "health_check_log_": HEALTH_CHECK}
NAME = "111122223333_elasticloadbalancing_eu-west-1_app.shop.50dc_20260302T1105Z_198.51.100.2_abc.log.gz"

instants = st.datetimes(datetime(2000, 1, 2), datetime(2199, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
ports = st.integers(0, 65535).map(str) | st.just("-")
words = st.text(st.sampled_from("abcXYZ019._:/=,;"), min_size=1, max_size=12) | st.just("-")
seconds = st.integers(0, 10**11).map(lambda n: f"{n // 10**9}.{n % 10**9:09d}") | st.just("-")
addresses = st.sampled_from(["203.0.113.1", "2001:db8::7", "0.0.0.0"])  # noqa: S104 - an address as any other
extra = st.lists(words, max_size=3).map(tuple)

connections = st.builds(
    ConnectionLine,
    time=instants,
    client_ip=addresses,
    client_port=ports,
    listener_port=ports,
    tls=st.tuples(words, words, seconds),
    subject=st.text(max_size=12).map(escape).filter(lambda text: text != ""),
    validity=words,
    serial_number=words,
    verified=words,
    trace_id=words,
    key_exchange=words,
    elb=words,
    node_ip=addresses,
    extra=extra,
)
checks = st.builds(
    CheckLine,
    type=st.sampled_from(["http", "https", "h2", "grpc", "lambda", "new-type"]),
    time=instants,
    latency=seconds,
    target=st.tuples(addresses, st.integers(0, 65535)).map(lambda one: f"{one[0]}:{one[1]}"),
    group=words,
    status=st.sampled_from(["PASS", "FAIL", "SKIPPED"]),
    status_code=st.integers(0, 999).map(str) | st.just("-"),
    reason=words,
    elb=words,
    node_ip=addresses,
    extra=extra,
)
odd = st.one_of(
    st.sampled_from([b"", b" ", b"\r", b'"', b"a b c", b'{"a": 1}', b"PAR1"]),
    st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"")),
    connections.map(lambda line: line.render().encode()),
    checks.map(lambda line: line.render().encode()),
    st.sampled_from(list(object_lines(1, 3))).map(str.encode),
)


def way(content: bytes, name: str, *, by_name: bool = True) -> Reading:
    found = reading(Candidate(name, name, "", 0, by_name=by_name), io.BytesIO(content))
    assert found is not None
    return found


def read(content: bytes, name: str, *, by_name: bool = True) -> list[Parsed]:
    parts = list(way(content, name, by_name=by_name).reader.parse())
    assert sum(part.rows + len(part.rejects) for part in parts) == sum(part.lines for part in parts)
    numbers: list[Any] = [one.line_number for part in parts for one in part.rejects]
    for part in parts:
        for table in part.tables:
            numbers += table.column("line_number").to_pylist()
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    return parts


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["", "conn_log_", "health_check_log_"]), st.lists(odd, max_size=12), st.booleans())
def test_lines_of_any_kind_in_an_object_of_any_kind_add_up(
    prefix: str,
    lines: list[bytes],
    packed: bool,  # noqa: FBT001 - drawn
) -> None:
    content = b"\n".join(lines)
    parts = read(gzip.compress(content) if packed else content, prefix + NAME)
    if packed or not content.startswith((b"PAR1", b"\x1f\x8b")):
        text = content.removeprefix(b"\xef\xbb\xbf")
        assert sum(part.lines for part in parts) == text.count(b"\n") + (
            not text.endswith(b"\n") and text != b""
        )


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400), st.sampled_from(list(KINDS)), st.sampled_from([b"", b"{", b"PAR1", b"\x1f\x8b"])
)
def test_any_bytes_are_read_without_an_error(raw: bytes, prefix: str, start: bytes) -> None:
    read(start + raw, prefix + NAME)
    read(start + raw, "x.log", by_name=False)


def written(row: dict[str, Any], kind: Kind) -> list[str]:
    """The fields of a row as the load balancer writes them."""
    return [_text(row[name]) for name in kind.fields] + list(row["extra_fields"] or [])


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}"
    return f"{value:.9f}" if isinstance(value, float) else str(value)


@settings(max_examples=200, deadline=None)
@given(st.one_of(connections.map(lambda one: (CONNECTION, one)), checks.map(lambda one: (HEALTH_CHECK, one))))
def test_a_parsed_line_gives_the_line_back(drawn: tuple[Kind, ConnectionLine | CheckLine]) -> None:
    kind, line = drawn
    parsed = lenient.parse([(1, line.render().encode())], Origin("key"), kind)
    assert parsed.rejects == []
    (row,) = parsed.tables[0].to_pylist()
    tokens = [token.decode() for token in tokenise(line.render().encode(), kind.fields)]
    assert written(row, kind) == tokens
    assert parsed.field_counts == {len(tokens): 1}


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_a_line_without_quotes_is_cut_at_its_blanks(text: str) -> None:
    raw = re.sub(r'["\n]', "", text).encode("utf-8", "replace")
    assert tokenise(raw) == raw.rstrip(b" ").split(b" ")


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["-", "", "10.0.0.1:80", "502", "0.001", "app/a/1", "2026-03-02T11:00:00.000000Z"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
entries = st.dictionaries(
    st.sampled_from([*ACCESS.delivered, "unknown"]) | st.text(max_size=5), values, max_size=8
)


@settings(max_examples=200, deadline=None)
@given(st.lists(entries, max_size=6), st.booleans())
def test_records_of_any_shape_become_rows_or_rejects(drawn: list[dict[str, Any]], whole: bool) -> None:  # noqa: FBT001 - drawn
    start = records(1)[0] if whole else {}
    content = "".join(json.dumps({**start, **one}) + "\n" for one in [{}, *drawn]).encode()
    parts = read(content, "x.json", by_name=False)
    assert sum(part.lines for part in parts) == len(drawn) + 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ACCESS.delivered), unique=True), st.integers(1, 8))
def test_json_and_parquet_of_any_selection_give_the_same_rows(kept: list[str], count: int) -> None:
    names = ["time", "elb", "elb_status_code", *kept]
    chosen = records(count, keep=names)
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(chosen), sink)
    as_json = "".join(json.dumps(one) + "\n" for one in chosen).encode()
    tables = [read(content, "x", by_name=False)[0].tables for content in (as_json, sink.getvalue())]
    assert tables[0] == tables[1]
    assert tables[0][0].num_rows == count
    (parsed,) = way(w3c_lines(chosen).encode(), "x", by_name=False).reader.parse()
    (by_name,) = parsed.tables
    assert by_name.drop_columns("line_number") == tables[0][0].drop_columns("line_number")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*ACCESS.delivered, "x"]), min_size=1, max_size=5),
    st.lists(st.text('"\t |-2aZ#:', max_size=12) | st.sampled_from(["#Fields: time", ""]), max_size=8),
)
def test_lines_below_w3c_directives_become_rows_or_rejects(names: list[str], lines: list[str]) -> None:
    head = f"#Fields: {' '.join(names)} time\n"
    parts = list(way((head + "-\n" + "\n".join(lines)).encode(), "x", by_name=False).reader.parse())
    assert sum(part.rows + len(part.rejects) for part in parts) == sum(part.lines for part in parts)
    assert sum(part.lines for part in parts) == 1 + len(lines) - bool(lines and not lines[-1])


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records(30)), sink, row_group_size=10, compression="zstd")
    return sink.getvalue()


PARQUET = _parquet()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(4, len(PARQUET) - 9), st.integers(0, 255)), min_size=1, max_size=4))
def test_parquet_damaged_anywhere_is_read_as_far_as_it_goes(changes: list[tuple[int, int]]) -> None:
    content = bytearray(PARQUET)
    for place, octet in changes:
        content[place] = octet
    read(bytes(content), "x", by_name=False)
