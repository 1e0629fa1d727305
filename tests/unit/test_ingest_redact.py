"""Rows and rejected lines without what they tell about people."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.ingest import lenient
from pipeline.ingest.blocks import Block
from pipeline.ingest.kinds import ACCESS, CONNECTION, HEALTH_CHECK, Kind
from pipeline.ingest.objects import parse_block
from pipeline.ingest.parsed import Origin
from pipeline.ingest.redact import Redactor
from pipeline.redaction import Redaction
from tests.support.alb_lines import Line, object_lines

CUT = Redactor(Redaction("truncate"))
CODED = Redactor(Redaction("hash", b"0123456789abcdef"))
ORIGIN = Origin("k.log")
ROOT = "Root=1-69a56f00-36d228ad5d99923122bbe354"
SELF = "Self=1-69a56f00-36d228ad5d99923122bbe355;"


def row(line: str, kind: Kind = ACCESS, redactor: Redactor = CUT) -> dict[str, Any]:
    parsed = redactor.redacted(lenient.parse([(1, line.encode())], ORIGIN, kind), kind.table.name)
    assert not parsed.rejects
    (found,) = parsed.tables[0].to_pylist()
    return dict(found)


@pytest.mark.parametrize(
    ("request_line", "verb", "url", "proto"),
    [
        ("GET https://h:443/a/b?token=s HTTP/1.1", "GET", "https://h:443/a/b", "HTTP/1.1"),
        ("GET https://h:443/a#s HTTP/2.0", "GET", "https://h:443/a", "HTTP/2.0"),
        ("GET https://h:443/a;jsessionid=s/b HTTP/2.0", "GET", "https://h:443/a", "HTTP/2.0"),
        ("GET https://h:443/login%3Ftoken=s HTTP/2.0", "GET", "https://h:443/login", "HTTP/2.0"),
        ("GET https://alice:s@h:443/a HTTP/1.1", "GET", "https://h:443/a", "HTTP/1.1"),
        ("GET https://h:443/a?x=1 s HTTP/1.1", "GET", "https://h:443/a", "HTTP/1.1"),
        ("- http://h:80- -", "-", "http://h:80-", "-"),
        ("secret https://h:443/ word", "redacted", "https://h:443/", "redacted"),
        ("GET /only", "GET", "/only", None),
    ],
)
def test_of_a_request_the_verb_the_path_and_the_protocol_stay(
    request_line: str, verb: str, url: str, proto: str | None
) -> None:
    found = row(Line(request=request_line).render())
    assert [found[name] for name in ("request_verb", "request_url", "request_proto")] == [verb, url, proto]
    assert found["request_line"] is None


def test_redirects_and_rewritten_paths_lose_their_queries() -> None:
    tail = ("https://h/next?code=s", "-", "10.0.1.17:30080", "200", "-", "-")
    found = row(Line(tail=tail, transformed=("h2", "/rewritten?code=s", "TransformSuccess")).render())
    assert (found["redirect_url"], found["transformed_uri"]) == ("https://h/next", "/rewritten")
    assert found["transformed_host"] == "h2"


@pytest.mark.parametrize(
    ("logged", "kept"),
    [
        (ROOT, ROOT),
        (SELF + ROOT, SELF + ROOT),
        (f"{ROOT};CalledFrom=alice", ROOT),
        (f"User=alice;{ROOT}", ROOT),
        ("alice", None),
    ],
)
def test_a_trace_id_keeps_what_the_load_balancer_writes(logged: str, kept: str | None) -> None:
    assert row(Line(trace_id=logged).render())["trace_id"] == kept


def test_fields_that_nobody_knows_are_not_kept() -> None:
    assert row(Line(extra=("s", "t"), fields=36).render())["extra_fields"] is None


def test_what_verdicts_rest_on_stays_as_it_is() -> None:
    line = Line(fields=34).render()
    plain = lenient.parse([(1, line.encode())], ORIGIN).tables[0].to_pylist()[0]
    changed = {name for name, value in row(line).items() if value != plain[name]}
    assert changed == {"client_ip", "user_agent"}


CONNECTION_LINE = (
    "2026-03-02T11:00:00.000000Z 203.0.113.7 40312 443 TLSv1.3 TLS_AES_128_GCM_SHA256 0.006 "
    '"CN=alice,O=Example" NotBefore=2026-01-01T00:00:00Z;NotAfter=2027-01-01T00:00:00Z 4FE1B2 Success '
    "TID_3180a73013c8ca4bac2f731159d4b0fe"
)
CERTIFICATE = ("leaf_client_cert_subject", "leaf_client_cert_serial_number", "leaf_client_cert_validity")


def test_a_client_certificate_becomes_a_code_or_nothing() -> None:
    cut = row(CONNECTION_LINE, CONNECTION)
    assert [cut[name] for name in CERTIFICATE] == [None, None, None]
    coded = row(CONNECTION_LINE, CONNECTION, CODED)
    assert str(coded[CERTIFICATE[0]]).startswith("h-")
    assert str(coded[CERTIFICATE[1]]).startswith("h-")
    assert coded[CERTIFICATE[2]] is None
    assert coded["conn_trace_id"] == "TID_3180a73013c8ca4bac2f731159d4b0fe"


def test_one_client_is_one_code_in_both_kinds_of_log() -> None:
    assert (
        row(CONNECTION_LINE, CONNECTION, CODED)["client_ip"]
        == row(Line().render(), ACCESS, CODED)["client_ip"]
    )


def test_a_health_check_tells_of_nobody() -> None:
    line = 'http 2026-03-02T11:00:00.000000Z 0.003 10.0.1.17:30080 web PASS 200 "-" app/shop/1 10.0.0.1 extra'
    found = row(line, HEALTH_CHECK)
    assert (found["target_ip"], found["extra_fields"]) == ("10.0.1.17", None)


def test_of_a_rejected_line_only_number_and_reason_stay() -> None:
    parsed = CUT.redacted(lenient.parse([(7, b"alice was here")], ORIGIN), "requests")
    (reject,) = parsed.rejects
    assert (reject.line_number, reject.raw) == (7, b"")
    assert reject.reason == "3 fields, an entry has at least 18"
    assert parsed.lines == 1


@pytest.mark.parametrize("redactor", [CUT, CODED])
def test_the_fast_path_and_the_exact_one_redact_alike(redactor: Redactor) -> None:
    lines = [*object_lines(5, 300), Line(request="GET https://h:443/a?s HTTP/1.1", user_agent="-").render()]
    data = ("\n".join(lines) + "\n").encode()
    block = Block(data, 0, len(data), 1)
    fast = [
        one
        for part in parse_block(block, ORIGIN)
        for table in redactor.redacted(part, "requests").tables
        for one in table.to_pylist()
    ]
    exact = redactor.redacted(lenient.parse(block.numbered(), ORIGIN), "requests").tables[0].to_pylist()
    assert sorted(fast, key=lambda one: int(one["line_number"])) == exact
    assert len({one["client_ip"] for one in exact}) > 10


def test_a_plain_parse_is_left_untouched() -> None:
    parsed = lenient.parse([(1, Line().render().encode())], ORIGIN)
    before = replace(parsed).tables[0]
    CUT.redacted(parsed, "requests")
    assert parsed.tables[0] is before
    assert before.to_pylist()[0]["client_ip"] == "203.0.113.7"
