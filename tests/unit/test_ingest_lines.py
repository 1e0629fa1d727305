"""One line to one row: the samples, and every pitfall that has hit other parsers."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.ingest import lenient
from pipeline.ingest.escapes import decode
from pipeline.ingest.parsed import Origin, Reject
from pipeline.ingest.tokens import LineError, tokenise
from tests.support.alb_lines import Line, render

FIXTURES = Path(__file__).parents[2] / "fixtures" / "lines"
SAMPLES = [
    json.loads(line) for line in (FIXTURES / "alb-lines-dev.jsonl").read_text(encoding="utf-8").splitlines()
]
ORIGIN = Origin("key", "198.51.100.9")

Row = dict[str, Any]


def parse(line: str | bytes) -> Row | Reject:
    raw = line.encode() if isinstance(line, str) else line
    parsed = lenient.parse([(1, raw)], ORIGIN)
    assert parsed.rows + len(parsed.rejects) == parsed.lines == 1
    return parsed.rejects[0] if parsed.rejects else parsed.tables[0].to_pylist()[0]


def row(line: str | bytes) -> Row:
    found = parse(line)
    assert isinstance(found, dict), found
    return found


def rejected(line: str | bytes) -> Reject:
    found = parse(line)
    assert isinstance(found, Reject), found
    return found


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s["valid"]], ids=lambda s: s["note"][:60])
def test_a_valid_sample_gives_the_values_that_its_source_states(sample: Row) -> None:
    got = row(sample["line"])
    for name, value in sample["expected"].items():
        assert _in_terms_of_the_source(name, got) == _normal(name, value), name


def _normal(name: str, value: str) -> object:
    if value == "-":
        return None
    if name in {"client_port", "elb_status_code", "target_status_code", "received_bytes", "sent_bytes"}:
        return int(value)
    if name.endswith("processing_time"):
        return float(value)
    if name in {"time", "request_creation_time"}:
        return datetime.fromisoformat(value)
    if name == "user_agent":
        return decode(value)
    return value.removesuffix(" (after unescaping)")


def _in_terms_of_the_source(name: str, got: Row) -> object:
    renamed = {
        "http_method": "request_verb",
        "url": "request_url",
        "http_version": "request_proto",
        "ip_address": "elb_node_ip",
        "target_ip_port_list": "target_port_list",
        "tid": "conn_trace_id",
    }
    if name == "target_ip_port":
        return f"{got['target_ip']}:{got['target_port']}" if got["target_ip"] else None
    if name == "request":
        return decode(" ".join((got["request_verb"], got["request_url"], got["request_proto"])))
    value = got[renamed.get(name, name)]
    if name == "user_agent" and value is not None:
        return decode(value)
    return None if value == "-" else value


@pytest.mark.parametrize("sample", [s for s in SAMPLES if not s["valid"]], ids=lambda s: s["note"][:60])
def test_a_sample_that_is_no_entry_is_rejected_with_its_text_and_a_reason(sample: Row) -> None:
    found = rejected(sample["line"])
    assert found.raw == sample["line"].encode()
    assert found.reason
    foreign = {
        "nlb": "network",
        "health_check": "health check",
        "connection": "connection log",
        "test_file": "test",
    }
    assert foreign.get(sample["kind"], "") in found.reason


@pytest.mark.parametrize("fields", [18, 20, 23, 24, 25, 27, 29, 30, 33, 34, 36])
def test_every_layout_keeps_its_fields_in_place_and_leaves_the_rest_null(fields: int) -> None:
    got = row(Line(fields=fields, transformed=("h", "/u", "TransformSuccess")).render())
    expected = {
        "trace_id": "Root=1-69a56f00-36d228ad5d99923122bbe354",
        "domain_name": "shop.example.com" if fields > 18 else None,
        "actions_executed": "forward" if fields > 22 else None,
        "target_status_code_list": "200" if fields > 26 else None,
        "conn_trace_id": "TID_3180a73013c8ca4bac2f731159d4b0fe" if fields > 29 else None,
        "request_transform_status": "TransformSuccess" if fields > 32 else None,
        "elb_node_ip": "198.51.100.4" if fields > 33 else "198.51.100.9",
        "extra_fields": ["-", "-"] if fields > 34 else None,
    }
    assert {name: got[name] for name in expected} == expected
    assert (got["request_creation_time"] is None) == (fields < 22)


@pytest.mark.parametrize(
    ("request_text", "verb", "url", "proto", "whole"),
    [
        ("GET https://h:443/p?q HTTP/1.1", "GET", "https://h:443/p?q", "HTTP/1.1", None),
        ("- http://h:80- -", "-", "http://h:80-", "-", None),
        ("- http://h:80-/ ", "-", "http://h:80-/", "", None),
        ("- - -", "-", "-", "-", None),
        ("- - - ", "-", "-", "-", "- - - "),
        ("GET http://h:80/ HTTP/1.0 ", "GET", "http://h:80/", "HTTP/1.0", "GET http://h:80/ HTTP/1.0 "),
        ("GET http://h/a b c HTTP/1.1", "GET", "http://h/a b c", "HTTP/1.1", None),
        ("--location https://h/ HTTP/2.0", "--location", "https://h/", "HTTP/2.0", None),
        (
            "GET http://[::ffff:a9fe:a9fe]:443/ HTTP/1.1",
            "GET",
            "http://[::ffff:a9fe:a9fe]:443/",
            "HTTP/1.1",
            None,
        ),
        ("GET /path HTTP/1.1", "GET", "/path", "HTTP/1.1", None),
        ("GET /path", "GET", "/path", None, "GET /path"),
        ("garbage", "garbage", None, None, "garbage"),
        ("", "", None, None, ""),
        ("-", None, None, None, None),
    ],
)
def test_the_request_line_is_split_at_its_outer_blanks(
    request_text: str, verb: str | None, url: str | None, proto: str | None, whole: str | None
) -> None:
    got = row(Line(request=request_text).render())
    assert (got["request_verb"], got["request_url"], got["request_proto"], got["request_line"]) == (
        verb,
        url,
        proto,
        whole,
    )


@pytest.mark.parametrize(
    ("address", "ip", "port"),
    [
        ("203.0.113.7:40312", "203.0.113.7", 40312),
        ("2a02:a33c:4538:1:bcf4:5264:e01c:f215:50718", "2a02:a33c:4538:1:bcf4:5264:e01c:f215", 50718),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
        ("-", None, None),
    ],
)
def test_addresses_are_split_at_the_last_colon(address: str, ip: str | None, port: int | None) -> None:
    got = row(Line(client=address, target=address).render())
    assert (got["client_ip"], got["client_port"]) == (ip, port)
    assert (got["target_ip"], got["target_port"]) == (ip, port)


def test_minus_one_is_kept_and_a_dash_is_null_and_empty_text_is_text() -> None:
    line = Line(times=("-1", "-1", "-1"), target="-", target_status="-", actions="", user_agent="-").render()
    got = row(line)
    assert [got[f"{step}_processing_time"] for step in ("request", "target", "response")] == [-1, -1, -1]
    assert (got["target_ip"], got["target_status_code"], got["user_agent"]) == (None, None, None)
    assert got["actions_executed"] == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "HTTPS!"}, "type"),
        ({"elb": "net/shop/50dc6c495c0c9188"}, "elb"),
        ({"elb": "shop"}, "elb"),
        ({"client": "203.0.113.7"}, "client:port"),
        ({"client": "203.0.113.7:99999"}, "client:port"),
        ({"client": "[[2001:db8::1]]:443"}, "client:port"),
        ({"client": "[]:443"}, "client:port"),
        ({"target": "10.0.0.1:http"}, "target:port"),
        ({"times": ("-", "0.1", "0.1")}, "request_processing_time"),
        ({"times": ("0.1", "nan", "0.1")}, "target_processing_time"),
        ({"times": ("0.1", "0.1", "inf")}, "response_processing_time"),
        ({"elb_status": "OK"}, "elb_status_code"),
        ({"target_status": "1000"}, "target_status_code"),
        ({"received": "-5"}, "received_bytes"),
        ({"sent": "many"}, "sent_bytes"),
        ({"sent": "9223372036854775808"}, "sent_bytes"),
    ],
)
def test_a_field_of_the_wrong_shape_rejects_the_line_and_is_named(change: Row, field: str) -> None:
    assert rejected(Line(**change).render()).field == field


@pytest.mark.parametrize(
    "time", ["-", "yesterday", "2026-02-30T00:00:00.000000Z", "1833-01-01T00:00:00.000000Z"]
)
def test_a_line_without_a_valid_time_is_rejected(time: str) -> None:
    values = Line().values()
    values[1] = time
    assert rejected(render(values)).field == "time"


def test_rarer_forms_of_an_instant_are_read_as_utc() -> None:
    values = Line().values()
    values[1], values[21] = "2026-03-02T13:00:00+02:00", "2026-03-02T11:00:00Z"
    got = row(render(values))
    assert got["time"] == got["request_creation_time"] == datetime(2026, 3, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "empty line"),
        (b"\r", "empty line"),
        (b"   ", "empty line"),
        (b"a b c", "3 fields"),
        (Line().render().encode()[:-1], "quote is not closed"),
        (Line(user_agent='a"b"c').render().encode(), "quote inside"),
        (b"\x00\xff\x1f\x8b", "fields"),
        (b"http 2020-01-01T00:00:00.000Z 0.019584011 1.2.3.4:80 g PASS 200 -", "health check log entry"),
        (
            b"2015-05-13T23:39:43.945958Z my-lb 192.168.131.39:2817 10.0.0.1:80 0.1 0.1 0.1 200 200 0 29",
            "Classic",
        ),
        (
            b"tls 2.0 2018-12-20T02:59:40 net/lb/c6e77e28c25b2234 g3d4b5e8bb8464cd 72.21.218.154:51341",
            "network",
        ),
    ],
)
def test_what_is_no_entry_is_rejected_with_a_reason(line: bytes, reason: str) -> None:
    assert reason in rejected(line).reason


def test_the_line_end_and_trailing_blanks_do_not_belong_to_the_line() -> None:
    assert row(Line().render() + "\r") == row(Line().render()) == row(Line().render() + "  ")


def test_bytes_that_are_not_utf_8_become_escapes() -> None:
    got = row(Line(user_agent="caf@").render().encode().replace(b"@", b"\xe9\x80"))
    assert got["user_agent"] == r"caf\xE9\x80"


def test_a_nul_byte_stays_in_its_field() -> None:
    assert row(Line(user_agent="a\0b").render())["user_agent"] == "a\0b"


@pytest.mark.parametrize("agent", [r"a\"b", r"ends with \\", r"\"", "ends with \\", r"\x22\x5C"])
def test_backslashes_do_not_move_later_fields(agent: str) -> None:
    got = row(Line(user_agent=agent).render())
    assert got["user_agent"] == agent
    assert got["conn_trace_id"] == "TID_3180a73013c8ca4bac2f731159d4b0fe"


@pytest.mark.parametrize(
    ("logged", "sent"),
    [
        (r"\x22quoted\x22", '"quoted"'),
        (r"\xEC\x97\x90", "에"),
        (r"\x00000022Mozilla", '"Mozilla'),
        (r"\x0000002", "\x0000002"),
        (r"\x5C\x5C", "\\\\"),
        (r"\"weird\" \\", '"weird" \\'),
        (r"\xFF", "\ufffd"),
        (r"\xZZ %%32%65", r"\xZZ %%32%65"),
        ("plain", "plain"),
    ],
)
def test_escapes_decode_to_what_the_client_sent(logged: str, sent: str) -> None:
    assert decode(logged) == sent


def test_tokens_are_counted_not_guessed() -> None:
    assert tokenise(b'a "b c" "" - "d"') == [b"a", b"b c", b"", b"-", b"d"]
    assert tokenise(b"a  b") == [b"a", b"", b"b"]
    assert tokenise(rb'"a \" b" c') == [rb"a \" b", b"c"]


@pytest.mark.parametrize("line", [b'"a', b'a"b', b'"a"b"', b'"a""b"', b'a "'])
def test_a_stray_quote_is_an_error(line: bytes) -> None:
    with pytest.raises(LineError, match=re.compile("quote")):
        tokenise(line)


def test_fields_beyond_measure_are_no_entry() -> None:
    most = f"{Line().render()} {'x ' * 160}"
    assert len(tokenise(most.encode())) <= 200
    for line in (most + "x " * 50_000, most.replace('"', "") + "x " * 50_000):
        assert rejected(line).reason == "more than 200 fields"
