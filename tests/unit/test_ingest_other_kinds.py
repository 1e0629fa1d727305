"""Connection-log and health-check-log lines: every field, old and new layouts, and what is no entry."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.ingest import lenient
from pipeline.ingest.kinds import CONNECTION, HEALTH_CHECK, Kind
from pipeline.ingest.parsed import Origin, Reject
from pipeline.ingest.readers import reading
from pipeline.ingest.source import Candidate
from tests.support.alb_lines import ELB, START, Line, object_name
from tests.support.other_logs import CheckLine, ConnectionLine, packed

FIXTURES = Path(__file__).parents[2] / "fixtures" / "lines"
SAMPLES = {
    kind: [
        one["line"]
        for one in map(
            json.loads, (FIXTURES / "alb-lines-dev.jsonl").read_text(encoding="utf-8").splitlines()
        )
        if one["kind"] == kind
    ]
    for kind in ("connection", "health_check")
}
ORIGIN = Origin("key", "198.51.100.9", "app/from-key/1")

Row = dict[str, Any]


def parse(line: str, kind: Kind) -> Row | Reject:
    parsed = lenient.parse([(7, line.encode())], ORIGIN, kind)
    assert parsed.rows + len(parsed.rejects) == parsed.lines == 1
    return parsed.rejects[0] if parsed.rejects else parsed.tables[0].to_pylist()[0]


def row(line: str, kind: Kind) -> Row:
    found = parse(line, kind)
    assert isinstance(found, dict), found
    return found


def rejected(line: str, kind: Kind) -> tuple[str | None, str]:
    found = parse(line, kind)
    assert isinstance(found, Reject), found
    return found.field, found.reason


def test_every_field_of_a_connection_has_its_column() -> None:
    assert row(ConnectionLine(extra=("new", "-")).render(), CONNECTION) == {
        "time": START,
        "client_ip": "203.0.113.1",
        "client_port": 36280,
        "listener_port": 443,
        "tls_protocol": "TLSv1.2",
        "tls_cipher": "ECDHE-RSA-AES128-GCM-SHA256",
        "tls_handshake_latency": 4.036,
        "leaf_client_cert_subject": "CN=amazondomains.com,O=endEntity,L=Seattle,ST=Washington,C=US",
        "leaf_client_cert_validity": "NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z",
        "leaf_client_cert_serial_number": "FEF257372D5C14D4",
        "tls_verify_status": "Success",
        "conn_trace_id": "TID_3180a73013c8ca4bac2f731159d4b0fe",
        "tls_keyexchange": "x25519",
        "elb": ELB,
        "elb_node_ip": "198.51.100.4",
        "extra_fields": ["new", "-"],
        "object_key": "key",
        "line_number": 7,
    }


def test_every_field_of_a_health_check_has_its_column() -> None:
    assert row(CheckLine(extra=("new",)).render(), HEALTH_CHECK) == {
        "type": "http",
        "time": START,
        "latency": 0.019584011,
        "target_addr": "10.0.1.17:30080",
        "target_ip": "10.0.1.17",
        "target_port": 30080,
        "target_group_id": "web-30080",
        "status": "PASS",
        "status_code": 200,
        "reason_code": None,
        "elb": ELB,
        "elb_node_ip": "198.51.100.4",
        "extra_fields": ["new"],
        "object_key": "key",
        "line_number": 7,
    }


def test_the_samples_of_the_documentation_are_entries() -> None:
    passed, failed = (row(line, HEALTH_CHECK) for line in SAMPLES["health_check"])
    assert (passed["target_ip"], passed["status"], passed["status_code"]) == ("172.31.20.97", "PASS", 200)
    assert (failed["status"], failed["status_code"], failed["reason_code"]) == ("FAIL", 502, "TargetError")
    assert passed["time"] == datetime(2025, 10, 31, 12, 44, 59, 875678, tzinfo=UTC)
    good, bad = (row(line, CONNECTION) for line in SAMPLES["connection"])
    assert (good["tls_handshake_latency"], bad["tls_handshake_latency"]) == (4.036, None)
    assert bad["tls_verify_status"] == "Failed:ClientCertUntrusted"


def test_what_an_old_layout_lacks_comes_from_the_key() -> None:
    check = row(CheckLine(fields=8).render(), HEALTH_CHECK)
    assert (check["elb"], check["elb_node_ip"]) == ("app/from-key/1", "198.51.100.9")
    connection = row(ConnectionLine(fields=12).render(), CONNECTION)
    assert (connection["elb"], connection["tls_keyexchange"]) == ("app/from-key/1", None)


def test_a_connection_without_tls_has_no_values_there() -> None:
    line = ConnectionLine(
        tls=("-", "-", "-"), subject="-", validity="-", serial_number="-", verified="-", key_exchange="-"
    )
    found = row(line.render(), CONNECTION)
    absent = {name for name, value in found.items() if value is None}
    assert absent == {
        *("tls_protocol", "tls_cipher", "tls_handshake_latency", "leaf_client_cert_subject"),
        *("leaf_client_cert_validity", "leaf_client_cert_serial_number", "tls_verify_status"),
        *("tls_keyexchange", "extra_fields"),
    }


@pytest.mark.parametrize(
    ("target", "ip", "port"),
    [
        ("2001:db8::7:30080", "2001:db8::7", 30080),
        ("[2001:db8::7]:30080", "2001:db8::7", 30080),
        ("-", None, None),
        ("arn:aws:lambda:eu-west-1:1:function:f", None, None),
    ],
)
def test_a_target_is_an_address_a_function_or_none(target: str, ip: str | None, port: int | None) -> None:
    found = row(CheckLine(target=target).render(), HEALTH_CHECK)
    assert (found["target_ip"], found["target_port"]) == (ip, port)
    assert found["target_addr"] == (None if target == "-" else target)


def test_a_check_of_a_function_is_kept() -> None:
    found = row(CheckLine(type="lambda", target="arn:aws:lambda:x:1:function:f").render(), HEALTH_CHECK)
    assert (found["type"], found["target_ip"]) == ("lambda", None)


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("", None, "empty line"),
        ("http 2026", None, "2 fields, an entry has at least 8"),
        (CheckLine(type="HTTP").render(), "type", "no type of health check"),
        (CheckLine(status="pass").render(), "status", "neither PASS nor FAIL"),
        (CheckLine(latency="x").render(), "latency", "no number of seconds"),
        (CheckLine(latency="nan").render(), "latency", "no number of seconds"),
        (CheckLine(target="10.0.0.1").render(), "target_addr", "no address and port"),
        (CheckLine(status_code="abc").render(), "status_code", "no status code"),
        (CheckLine().render().replace("2026-", "1926-"), "time", "year 1926 is out of range"),
        (Line(fields=30).render(), "status", "access log entry: neither PASS nor FAIL"),
        ('http "', "time", "quote is not closed"),
    ],
)
def test_a_line_that_is_no_health_check_says_why(line: str, field: str | None, reason: str) -> None:
    assert rejected(line, HEALTH_CHECK) == (field, reason)


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        (ConnectionLine(client_ip="-").render(), "client_ip", "no address"),
        (ConnectionLine(client_ip="example.com").render(), "client_ip", "no address"),
        (ConnectionLine(client_port="x").render(), "client_port", "no port"),
        (ConnectionLine(listener_port="65536").render(), "listener_port", "no port"),
        (ConnectionLine(tls=("-", "-", "inf")).render(), "tls_handshake_latency", "no number of seconds"),
        (CheckLine().render(), None, "health check log entry: 10 fields, an entry has at least 12"),
        ("- 203.0.113.1 1 2 - - 0.5 - - - - -", "time", "absent"),
    ],
)
def test_a_line_that_is_no_connection_says_why(line: str, field: str | None, reason: str) -> None:
    assert rejected(line, CONNECTION) == (field, reason)


def test_field_names_of_a_broken_quote_are_those_of_the_kind() -> None:
    line = ConnectionLine(subject='a"b').render()
    assert rejected(line, CONNECTION)[0] == "leaf_client_cert_subject"


def test_unknown_layouts_are_counted_by_their_number_of_fields() -> None:
    lines = [CheckLine(), CheckLine(fields=8), CheckLine(extra=("a",)), CheckLine(extra=("b",))]
    parsed = lenient.parse(
        ((n, line.render().encode()) for n, line in enumerate(lines, 1)), ORIGIN, HEALTH_CHECK
    )
    assert parsed.field_counts == {8: 1, 10: 1, 11: 2}


@pytest.mark.parametrize("cut", [20, 200])
def test_a_truncated_object_keeps_its_whole_lines_and_accounts_for_the_last(cut: int) -> None:
    lines = [CheckLine(time=START.replace(second=n % 60, microsecond=n * 997)).render() for n in range(300)]
    name = f"health_check_log_{object_name(1, START)}"
    content = packed(lines)[:-cut]
    way = reading(Candidate(name, name, "", 0, by_name=True), io.BytesIO(content))
    assert way is not None
    parts = list(way.reader.parse())
    assert sum(part.rows + len(part.rejects) for part in parts) == sum(part.lines for part in parts)
    assert way.reader.problem is not None
    assert "truncated gzip" in way.reader.problem
    assert way.kind is HEALTH_CHECK


def test_line_ends_of_windows_and_bytes_that_are_no_text_are_taken() -> None:
    raw = ConnectionLine(subject="CN=caf\\xE9").render().encode() + b"\r"
    odd = ConnectionLine().render().encode().replace(b"CN=amazondomains.com", b"CN=\xff\xfe")
    parsed = lenient.parse([(1, raw), (2, odd)], ORIGIN, CONNECTION)
    assert [one["leaf_client_cert_subject"][:7] for one in parsed.tables[0].to_pylist()] == [
        "CN=caf\\",
        "CN=\\xFF",
    ]
