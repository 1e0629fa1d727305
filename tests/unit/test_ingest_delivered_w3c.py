"""CloudWatch's delivery in the w3c format, and in plain text with what is known of it."""

import io

import pytest

from pipeline.ingest import look
from pipeline.ingest.delivered_w3c import Lines
from pipeline.ingest.kinds import ACCESS, CONNECTION, HEALTH_CHECK
from pipeline.ingest.parsed import Origin
from tests.support.alb_lines import Line
from tests.support.other_logs import CheckLine, ConnectionLine, packed, records, w3c_lines
from tests.unit.test_ingest_delivered import Row, plain, read, way

SELECTION = ("time", "elb", "client_port", "elb_status_code", "domain_name")


def quoted(entries: list[Row]) -> list[Row]:
    return [{name: f'"{value}"' if " " in value else value for name, value in one.items()} for one in entries]


def at_their_lines(rows: list[Row]) -> list[Row]:
    """The same rows two lines further down: below the directives."""
    return [{**row, "line_number": row["line_number"] + 2} for row in rows]


@pytest.mark.parametrize(
    ("delimiter", "between"), [("\t", " "), ("\t", "\t"), (" ", " "), ("|", "|"), ("||", "||"), (";", ";")]
)
def test_w3c_gives_the_rows_of_the_plain_log(delimiter: str, between: str) -> None:
    content = w3c_lines(quoted(records(30)), delimiter, between).encode()
    expected = at_their_lines(plain(30))
    assert read(content) == (expected, [], None)
    assert read(content.replace(b"\n", b"\r\n")) == (expected, [], None)
    assert read(packed(["\ufeff" + content.decode().removesuffix("\n")])) == (expected, [], None)


def test_fields_that_were_not_selected_are_null() -> None:
    rows, rejects, _ = read(w3c_lines(records(3, keep=SELECTION)).encode())
    assert rejects == []
    known = {name for name, value in rows[0].items() if value is not None}
    assert known == {
        *("time", "elb", "client_ip", "client_port", "elb_status_code", "domain_name"),
        *("object_key", "line_number"),
    }


def test_connections_and_health_checks_are_delivered_alike() -> None:
    for kind, line in ((CONNECTION, ConnectionLine()), (HEALTH_CHECK, CheckLine())):
        values = [part.strip('"') for part in line.render().split(" ")]
        record = dict(zip(kind.delivered, values, strict=True))
        content = w3c_lines([record, record]).encode()
        assert way(content).kind is kind
        rows, rejects, _ = read(content)
        assert (len(rows), rejects, rows[0]["elb"]) == (2, [], record["elb"])


def test_unknown_fields_are_kept_and_counted() -> None:
    content = w3c_lines([{**one, "x-new": "7"} for one in records(2)]).encode()
    (parsed,) = way(content).reader.parse()
    assert [row["extra_fields"] for row in parsed.tables[0].to_pylist()] == [["x-new=7"]] * 2
    assert parsed.field_counts == {35: 2}


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("", None, "empty line"),
        ("one\ttwo", None, "2 fields, #Fields names 5"),
        ("soon\tapp/a/1\t-\t-\t-", "time", "no ISO 8601 instant in UTC"),
        ("2026-03-02T11:00:00Z\tnet/a/1\t-\t-\t-", "elb", "no id of an Application Load Balancer"),
        ("#Fields: time elb", None, "1 fields, #Fields names 5"),
        ("#Version: 2.0", None, "1 fields, #Fields names 5"),
    ],
)
def test_a_line_that_is_no_entry_says_why(line: str, field: str | None, reason: str) -> None:
    entries = records(2, keep=SELECTION)
    first, second = (w3c_lines([one]).splitlines(keepends=True)[-1] for one in entries)
    head = w3c_lines(entries).splitlines(keepends=True)[:2]
    rows, rejects, _ = read("".join([*head, first, line + "\n", second]).encode())
    assert [(one.line_number, one.field, one.reason) for one in rejects] == [(4, field, reason)]
    assert [row["line_number"] for row in rows] == [3, 5]


def test_directives_further_down_are_lines_that_a_client_may_have_sent() -> None:
    entries = records(1, keep=("user_agent", "time", "elb", "request_line"))
    forged = "#Fields: elb time\n"
    rows, rejects, _ = read((w3c_lines(entries) + forged + w3c_lines(entries)).encode())
    assert [row["line_number"] for row in rows] == [3, 7]
    assert [one.line_number for one in rejects] == [4, 5, 6]


def test_a_header_that_names_a_field_twice_or_none_rejects_its_lines() -> None:
    rows, rejects, _ = read(b"#Fields: time elb elb_status_code elb\n2026-03-02T11:00:00Z\ta\t1\tb\n")
    assert rows == []
    assert [(one.field, one.reason) for one in rejects] == [("elb", "named twice in #Fields")]
    parsed = Lines(ACCESS)([(1, b"#Version: 1.0"), (2, b"2026-03-02T11:00:00Z\tx")], Origin("x"))
    assert [one.reason for one in parsed.rejects] == [
        "no #Fields above it: which fields these are is not known"
    ]


def test_a_line_of_fields_beyond_measure_is_rejected() -> None:
    names = "|".join(f"x{n}" for n in range(1200))
    values = "|".join("7" * 1200)
    for line in (values, values.replace("7", '"7"')):
        _, (reject,), _ = read(f"#Fields: time|elb_status_code|{names}\n{line}\n".encode())
        assert reject.reason == "201 fields, #Fields names 1202"


def test_a_header_alone_is_no_line_of_the_log() -> None:
    assert read(b"#Version: 1.0\n#Fields: time elb_status_code\n") == ([], [], None)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (w3c_lines(records(1)), (look.Format.W3C, ACCESS)),
        ("#Fields: time latency status\n", (look.Format.W3C, HEALTH_CHECK)),
        ("#Fields: c-ip cs-method date time\n", (look.Format.W3C, None)),
        ("#Version: 1.0\n" + Line().render(), (look.Format.PLAIN, ACCESS)),
        ("# a comment\n", (look.Format.PLAIN, None)),
    ],
)
def test_a_look_tells_w3c_by_its_field_names(content: str, expected: tuple[look.Format, object]) -> None:
    seen = look.look(io.BytesIO(content.encode()))
    assert (seen.format, seen.kind) == expected


def test_plain_delivery_with_all_fields_is_read_as_the_log_is() -> None:
    lines = [" ".join(one.values()) for one in quoted(records(9))]
    rows, rejects, _ = read("\n".join(lines).encode())
    assert (rows, rejects) == (plain(9), [])


@pytest.mark.parametrize("delimiter", [" ", "\t", "|"])
def test_plain_delivery_of_selected_fields_is_rejected_with_what_to_do(delimiter: str) -> None:
    chosen = records(2, keep=("elb_status_code", "time", "target_port"))
    rows, rejects, _ = read("".join(delimiter.join(one.values()) + "\n" for one in chosen).encode())
    assert rows == []
    fields = 3 if delimiter == " " else 1
    (reason,) = {one.reason for one in rejects}
    assert reason.startswith(f"{fields} fields, an entry has at least 18; a delivery of selected fields, or ")
    assert "is read as JSON, w3c or Parquet" in reason
