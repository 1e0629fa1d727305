"""CloudWatch's delivery of access, connection and health-check logs in JSON lines and Parquet."""

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.ingest import lenient, look, parquet_pages
from pipeline.ingest.kinds import ACCESS, CONNECTION, HEALTH_CHECK
from pipeline.ingest.parsed import Origin, Parsed, Reject
from pipeline.ingest.readers import Reading, reading
from pipeline.ingest.source import Candidate
from tests.support.alb_lines import START, Line, object_lines
from tests.support.other_logs import CheckLine, ConnectionLine, json_lines, packed, records

Row = dict[str, Any]


def way(content: bytes, name: str = "x.log", *, is_doubtful: bool = False) -> Reading:
    found = reading(Candidate(name, name, "", 0, by_name=False, is_doubtful=is_doubtful), io.BytesIO(content))
    assert found is not None
    return found


def read(content: bytes, name: str = "x.log") -> tuple[list[Row], list[Reject], str | None]:
    chosen = way(content, name)
    parts: list[Parsed] = list(chosen.reader.parse())
    rows = [row for part in parts for table in part.tables for row in table.to_pylist()]
    rejects = [one for part in parts for one in part.rejects]
    assert len(rows) + len(rejects) == sum(part.lines for part in parts)
    return rows, rejects, chosen.reader.problem


def plain(count: int) -> list[Row]:
    lines = [line.encode() for line in object_lines(1, count, fields=34)]
    parsed = lenient.parse(enumerate(lines, 1), Origin("x.log"))
    return [row for table in parsed.tables for row in table.to_pylist()]


def parquet(entries: list[Row], **options: Any) -> bytes:  # noqa: ANN401 - options of the writer
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(entries), sink, **options)
    return sink.getvalue()


def test_json_gives_the_rows_of_the_plain_log() -> None:
    rows, rejects, problem = read(json_lines(records(30)).encode())
    assert (rows, rejects, problem) == (plain(30), [], None)


def test_packed_json_with_a_mark_and_windows_line_ends_too() -> None:
    text = json_lines(records(5)).replace("\n", "\r\n")
    rows, rejects, _ = read(packed(["\ufeff" + text.removesuffix("\n")]))
    assert (len(rows), rejects) == (5, [])


def test_parquet_gives_the_rows_of_the_plain_log() -> None:
    rows, rejects, problem = read(parquet(records(30), row_group_size=7))
    assert (rows, rejects, problem) == (plain(30), [], None)


def test_parquet_with_types_gives_the_same_rows() -> None:
    typed = []
    for one in records(20):
        times = {n: datetime.fromisoformat(one[n]) for n in ("time", "request_creation_time")}
        seconds = {n: float(one[n]) for n in one if n.endswith("processing_time")}
        target = None if one["target_status_code"] == "-" else int(one["target_status_code"])
        numbers = {n: int(one[n]) for n in ("elb_status_code", "received_bytes", "sent_bytes")}
        typed.append({**one, **times, **seconds, **numbers, "target_status_code": target})
    table = pa.Table.from_pylist(typed)
    floats = table.schema.get_field_index("target_status_code")
    table = table.set_column(floats, "target_status_code", table.column(floats).cast(pa.float64()))
    group = table.schema.get_field_index("target_group_arn")
    table = table.set_column(group, "target_group_arn", table.column(group).dictionary_encode())
    sink = io.BytesIO()
    pq.write_table(table, sink)
    rows, rejects, _ = read(sink.getvalue())
    assert (rows, rejects) == (plain(20), [])


def test_fields_that_were_not_selected_are_null() -> None:
    kept = ("time", "elb", "client_port", "elb_status_code", "request_line")
    for content in (json_lines(records(3, keep=kept)).encode(), parquet(records(3, keep=kept))):
        rows, rejects, _ = read(content)
        assert rejects == []
        known = {name for name, value in rows[0].items() if value is not None}
        assert known == {
            *("time", "elb", "client_ip", "client_port", "elb_status_code"),
            *("request_verb", "request_url", "request_proto", "object_key", "line_number"),
        }


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"time": None}, "time", "absent"),
        ({"time": "soon"}, "time", "no ISO 8601 instant in UTC"),
        ({"elb": "-"}, "elb", "no id of an Application Load Balancer"),
        ({"elb": "net/a/1"}, "elb", "no id of an Application Load Balancer"),
        ({"elb_status_code": "many"}, "elb_status_code", "no status code"),
        ({"elb_status_code": True}, "elb_status_code", "neither text nor a number"),
        ({"user_agent": {"name": "curl"}}, "user_agent", "neither text nor a number"),
        ({"target_processing_time": float("nan")}, "target_processing_time", "no number of seconds"),
    ],
)
def test_a_record_that_is_no_entry_says_why(change: Row, field: str, reason: str) -> None:
    (entry,) = records(1)
    rows, rejects, _ = read(json_lines([*records(1), {**entry, **change}]).encode())
    assert [(one.line_number, one.field, one.reason) for one in rejects] == [(2, field, reason)]
    assert json.loads(rejects[0].raw)["type"] == "https"
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "empty line"),
        ("{", "no JSON: Expecting property name"),
        ("[1]", "JSON, but no object with fields"),
        ("7", "JSON, but no object with fields"),
        (Line().render(), "no JSON: Expecting value"),
        ("[" * 100_000, "JSON of too many levels"),
        ('{"time": ' + "9" * 5000 + "}", "no JSON: Exceeds the limit"),
        ("{}", "absent"),
    ],
)
def test_a_line_that_is_no_record_is_rejected_with_its_reason(line: str, reason: str) -> None:
    rows, rejects, _ = read((json_lines(records(2)) + line + "\n" + json_lines(records(1))).encode())
    assert len(rows) == 3
    assert [one.line_number for one in rejects] == [3]
    assert rejects[0].reason.startswith(reason)


def test_a_line_longer_than_a_mebibyte_is_rejected_in_bounded_memory() -> None:
    rows, rejects, _ = read((json_lines(records(1)) + '{"time": "' + "x" * (3 << 20) + '"}\n').encode())
    assert (len(rows), rejects[0].reason, len(rejects[0].raw)) == (1, "line longer than 1 MiB", 64 << 10)


def test_unknown_fields_are_kept_and_counted() -> None:
    (entry,) = records(1)
    content = json_lines([entry, {**entry, "zeta": 1, "alpha": [True, "x"], "gap": None}]).encode()
    chosen = way(content)
    (parsed,) = chosen.reader.parse()
    extra = [row["extra_fields"] for row in parsed.tables[0].to_pylist()]
    assert extra == [None, ['alpha=[true, "x"]', "gap=-", "zeta=1"]]
    assert (parsed.field_counts, chosen.layouts) == ({37: 1}, frozenset())


def test_ports_without_addresses_and_halves_of_surrogates_are_taken() -> None:
    (entry,) = records(1)
    odd = {**entry, "client_port": 40312, "target_port": "30080", "user_agent": "\ud800"}
    (row,), rejects, _ = read(json_lines([odd]).encode())
    assert rejects == []
    assert (row["client_ip"], row["client_port"], row["target_port"]) == (None, 40312, 30080)
    assert row["user_agent"] == "\\xED\\xA0\\x80"


def test_connections_and_health_checks_are_delivered_alike() -> None:
    for kind, line in ((CONNECTION, ConnectionLine()), (HEALTH_CHECK, CheckLine())):
        values = [part.strip('"') for part in line.render().split(" ")]
        record = dict(zip(kind.delivered, values, strict=True))
        expected = lenient.parse([(1, line.render().encode())], Origin("x.log"), kind).tables[0].to_pylist()
        for content in (json_lines([record]).encode(), parquet([record])):
            assert way(content).kind is kind
            assert read(content)[0] == expected


def test_damaged_parquet_is_a_problem_and_not_an_error() -> None:
    content = parquet(records(50), row_group_size=10)
    for cut in (content[:-20], content[: len(content) // 2], b"PAR1"):
        rows, rejects, problem = read(cut)
        assert (rows, rejects) == ([], [])
        assert problem is not None
        assert problem.startswith("damaged Parquet after 0 lines: ")
    middle = len(content) // 2
    rows, rejects, problem = read(content[:middle] + bytes(200) + content[middle + 200 :])
    assert 0 < len(rows) < 50
    assert problem is not None
    assert problem.startswith(f"damaged Parquet after {len(rows)} lines: ")


def test_parquet_text_that_is_not_utf8_is_escaped() -> None:
    (entry,) = records(1)
    table = pa.Table.from_pylist([entry])
    place = table.schema.get_field_index("user_agent")
    raw = pa.array([b"caf\xe9"], pa.binary()).view(pa.binary())
    table = table.set_column(place, "user_agent", raw)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    assert read(sink.getvalue())[0][0]["user_agent"] == "caf\\xE9"


def test_instants_beyond_the_calendar_reject_their_row_only() -> None:
    entries = records(3)
    table = pa.Table.from_pylist([{name: one[name] for name in one if name != "time"} for one in entries])
    times = pa.array([int(START.timestamp() * 1e6), 2**62, None], pa.int64()).cast(
        pa.timestamp("us", tz="UTC")
    )
    sink = io.BytesIO()
    pq.write_table(table.append_column("time", times), sink)
    rows, rejects, _ = read(sink.getvalue())
    assert [row["time"] for row in rows] == [START]
    assert [(one.line_number, one.field) for one in rejects] == [(2, "time"), (3, "time")]


def test_a_row_group_that_would_not_fit_into_memory_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_pages, "LARGEST_GROUP", 100)
    rows, _, problem = read(parquet(records(5)))
    assert (rows, problem) == ([], "row group of more than 0 MiB: given up after 0 lines")


def test_parquet_without_rows_is_an_empty_object() -> None:
    empty = pa.Table.from_pylist(records(1)).slice(0, 0)
    sink = io.BytesIO()
    pq.write_table(empty, sink)
    assert read(sink.getvalue()) == ([], [], "empty object")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (Line().render().encode(), (look.Format.PLAIN, ACCESS)),
        (b"\n" + CheckLine(fields=8).render().encode(), (look.Format.PLAIN, HEALTH_CHECK)),
        (ConnectionLine(fields=12).render().encode(), (look.Format.PLAIN, CONNECTION)),
        (packed([CheckLine().render()]), (look.Format.PLAIN, HEALTH_CHECK)),
        (b"\xef\xbb\xbf" + json_lines(records(1)).encode(), (look.Format.JSON, ACCESS)),
        (packed([json_lines(records(1))]), (look.Format.JSON, ACCESS)),
        (b'{"Records": [{"eventName": "x"}]}', (look.Format.JSON, None)),
        (b'{"kind": "Pod", "metadata": {"time": ""}, "status": {"time": ""}}', (look.Format.JSON, None)),
        (
            b'{"object": {"time": "", "latency": 1}, "time": "{[", "log": ["elb_status_code"]}',
            (look.Format.JSON, None),
        ),
        (b'{"a\\"time": 1, "time": "\\"{", "latency": 1', (look.Format.JSON, HEALTH_CHECK)),
        (
            b'{"time": "", "elb": "net/a/1", "destination_port": "", "received_bytes": 1}',
            (look.Format.JSON, None),
        ),
        (parquet(records(1)), (look.Format.PARQUET, ACCESS)),
        (parquet([{"a": 1}]), (look.Format.PARQUET, None)),
        (b"PAR1 but no more", (look.Format.PARQUET, None)),
        (b"\x1f\x8bbroken", (look.Format.PLAIN, None)),
        (b"", (look.Format.PLAIN, None)),
        (b"hello\nworld\n", (look.Format.PLAIN, None)),
    ],
    ids=[
        *("access", "health check after a blank line", "connection", "gzip of health checks"),
        *("marked JSON", "gzip of JSON", "CloudTrail", "Kubernetes", "names inside values", "escaped names"),
        *(
            "network load balancer",
            "Parquet",
            "other Parquet",
            "torn Parquet",
            "torn gzip",
            "nothing",
            "prose",
        ),
    ],
)
def test_a_look_tells_format_and_kind_and_goes_back(
    content: bytes, expected: tuple[look.Format, Any]
) -> None:
    stream = io.BytesIO(content)
    seen = look.look(stream)
    assert ((seen.format, seen.kind), stream.tell(), stream.closed) == (expected, 0, False)


def test_doubtful_objects_without_a_log_in_them_are_not_read(tmp_path: Path) -> None:
    for name, content in (
        ("a.json", b'{"Records": []}'),
        ("b.parquet", parquet([{"a": 1}])),
        ("c.gz", b"text"),
    ):
        candidate = Candidate(str(tmp_path / name), name, "", 0, by_name=False, is_doubtful=True)
        assert reading(candidate, io.BytesIO(content)) is None
