"""Inputs with a unique secret in every place that a person can fill, and a search through what is written."""

import gzip
import json
import re
import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest.arrow import Column
from tests.support.alb_lines import START, Line, gateway_error, object_name
from tests.support.other_logs import CheckLine, ConnectionLine, json_lines, put, records
from tests.support.timeline_dumps import FIXTURES

LOGGED = {
    "client address": "192.0.2.231",
    "client address, IPv6": "2001:db8:aaaa:bbbb:cccc::7",
    "client address of an error": "192.0.2.232",
    "client address of a connection": "192.0.2.233",
    "client address in JSON": "192.0.2.234",
    "query": "tokenQ0001",
    "query of an error": "tokenQ0002",
    "query in JSON": "tokenQ0003",
    "path parameter": "tokenP0004",
    "login in a URL": "tokenL0005",
    "fragment": "tokenF0006",
    "verb": "tokenV0007",
    "protocol": "tokenH0008",
    "whole request line": "tokenW0009",
    "user agent": "tokenA0010",
    "user agent in JSON": "tokenA0011",
    "redirect": "tokenR0012",
    "rewritten path": "tokenT0013",
    "trace field": "tokenX0014",
    "unknown field": "tokenE0015",
    "unknown field in JSON": "tokenE0016",
    "rejected line": "tokenB0017",
    "rejected JSON": "tokenB0018",
    "certificate subject": "tokenC0019",
    "certificate serial": "70CE4EC0020",
    "certificate validity": "2031-07-19T01:02:03Z",
}
"""What a store that is not redacted holds."""

TOLD = {
    "CloudTrail session": "tokenS0101",
    "CloudTrail user": "tokenS0102",
    "looked-up user": "tokenS0103",
    "user of the cluster": "tokenK0110",
}
"""The same of the timeline."""

PASSED_OVER = {
    "CloudTrail address": "192.0.2.241",
    "CloudTrail program": "tokenG0121",
    "CloudTrail key id": "AKIATOKEN0122",
    "CloudTrail principal": "tokenI0123",
    "looked-up address": "192.0.2.242",
    "address in the audit log": "192.0.2.243",
    "program in the audit log": "tokenG0124",
    "group in the audit log": "tokenG0125",
    "environment in the audit log": "tokenG0126",
    "mail": "tokenM0127@example.com",
}
"""What the timeline never keeps but in the pages of a live collection."""

KEY = "tokenZ0999-the-key-itself"


def write_logs(folder: Path) -> None:
    """One object of each kind, plain and as JSON, with `LOGGED` in them."""
    s = LOGGED
    url = "https://shop.example.com:443"
    base = Line(fields=36, user_agent=f"Mozilla/5.0 {s['user agent']} Chrome/120.0")
    tail = (f"{url}/next?{s['redirect']}", "-", "10.0.1.17:30080", "200", "-", "-")
    lines = [
        *(
            replace(base, client=f"192.0.2.231:{40000 + n}", time=START + timedelta(seconds=n))
            for n in range(12)
        ),
        replace(base, client=f"{s['client address, IPv6']}:40312", tail=tail),
        replace(base, request=f"GET {url}/a?session={s['query']} HTTP/1.1"),
        replace(base, request=f"GET {url}/a;jsessionid={s['path parameter']} HTTP/1.1"),
        replace(base, request=f"GET https://alice:{s['login in a URL']}@h:443/a HTTP/1.1"),
        replace(base, request=f"GET {url}/a#{s['fragment']} HTTP/1.1"),
        replace(base, request=f"{s['verb']} {url}/a {s['protocol']}"),
        replace(base, request=f"GET {url}/a?{s['whole request line']}"),
        replace(base, transformed=("shop", f"/b?{s['rewritten path']}", "TransformSuccess")),
        replace(base, trace_id=f"Root=1-69a56f00-36d228ad5d99923122bbe354;CalledFrom={s['trace field']}"),
        replace(base, extra=("-", s["unknown field"])),
        *_errors(base, f"{url}/pay?card={s['query of an error']}"),
    ]
    text = "\n".join([*(line.render() for line in lines), f"{s['rejected line']} is no entry"]) + "\n"
    (folder / object_name(1, START + timedelta(minutes=5))).write_bytes(gzip.compress(text.encode()))
    (folder / "delivered.log").write_text(_delivered(), encoding="utf-8")
    validity = f"NotBefore=2023-09-21T22:43:21Z;NotAfter={s['certificate validity']}"
    connection = ConnectionLine(
        client_ip=s["client address of a connection"],
        subject=f"CN={s['certificate subject']}",
        serial_number=s["certificate serial"],
        validity=validity,
    )
    put(folder, "conn_log_", [connection.render()])
    put(folder, "health_check_log_", [CheckLine(extra=(s["unknown field"],)).render()])


def _errors(base: Line, url: str) -> Iterator[Line]:
    for number in range(6):
        at = START + timedelta(seconds=60 + number)
        yield gateway_error(
            replace(
                base,
                client=f"{LOGGED['client address of an error']}:{50000 + number}",
                time=at,
                request=f"POST {url} HTTP/1.1",
                trace_id=f"Root=1-{int(at.timestamp()):08x}-{number:024x}",
            )
        )


def _delivered() -> str:
    s = LOGGED
    entries: list[dict[str, Any]] = records(3)
    entries[0] |= {
        "client_port": f"{s['client address in JSON']}:40312",
        "request_line": f"GET https://shop.example.com:443/a?{s['query in JSON']} HTTP/1.1",
        "user_agent": s["user agent in JSON"],
        "of_the_future": s["unknown field in JSON"],
    }
    return json_lines(entries) + f'{{"time": "no instant", "user_agent": "{s["rejected JSON"]}"}}\n'


def write_timeline(folder: Path) -> None:
    """CloudTrail as a trail and as the event history tell it, and the cluster's audit log."""
    folder.mkdir(parents=True, exist_ok=True)
    trail = [
        record_of("DeregisterTargets", "assumed-role/Admin/" + TOLD["CloudTrail session"], 1),
        record_of("RegisterTargets", "user/" + TOLD["CloudTrail user"], 2),
    ]
    (folder / "trail.json").write_text(json.dumps({"Records": trail}))
    looked_up = record_of("DeregisterTargets", "user/" + TOLD["looked-up user"], 3)
    looked_up["sourceIPAddress"] = PASSED_OVER["looked-up address"]
    entry = {
        "EventId": "3",
        "EventName": "DeregisterTargets",
        "EventTime": "2026-03-02T11:00:50Z",
        "Username": TOLD["looked-up user"],
        "AccessKeyId": PASSED_OVER["CloudTrail key id"],
        "CloudTrailEvent": json.dumps(looked_up),
    }
    (folder / "lookup-events.json").write_text(json.dumps({"Events": [entry]}))
    (folder / "filter-log-events.json").write_text(json.dumps(audit_page()))


def record_of(name: str, who: str, number: int) -> dict[str, Any]:
    """A record of CloudTrail that a person left."""
    p = PASSED_OVER
    group = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web-30080/943f017f100becff"
    return {
        "eventVersion": "1.11",
        "eventID": f"{number}",
        "eventSource": "elasticloadbalancing.amazonaws.com",
        "eventName": name,
        "eventTime": "2026-03-02T11:00:50Z",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": p["CloudTrail address"],
        "userAgent": f"{p['CloudTrail program']} aws-cli/2",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::111122223333:{who}",
            "principalId": f"AROA:{p['CloudTrail principal']}",
            "accessKeyId": p["CloudTrail key id"],
            "userName": p["mail"],
        },
        "requestParameters": {
            "targetGroupArn": group,
            "targets": [{"id": "i-0123456789abcdef0", "port": 30080}],
        },
        "responseElements": {"owner": p["mail"]},
    }


def audit_page() -> dict[str, Any]:
    """A page of CloudWatch Logs with one call of a person."""
    p = PASSED_OVER
    page: dict[str, Any] = json.loads((FIXTURES / "filter-log-events.json").read_text())
    event = json.loads(page["events"][0]["message"])
    event |= {
        "user": {"username": TOLD["user of the cluster"], "groups": [p["group in the audit log"]]},
        "sourceIPs": [p["address in the audit log"]],
        "userAgent": p["program in the audit log"],
        "annotations": {"authorization.k8s.io/reason": f'allowed to User "{TOLD["user of the cluster"]}"'},
    }
    container = {"name": "app", "env": [{"name": "PASSWORD", "value": p["environment in the audit log"]}]}
    event["responseObject"].setdefault("spec", {})["containers"] = [container]
    page["events"] = [{**page["events"][0], "message": json.dumps(event)}]
    return page


def found_in(content: bytes, secrets: dict[str, str]) -> set[str]:
    """Names of the secrets that stand in some bytes."""
    return {name for name, secret in secrets.items() if secret.encode() in content}


def written(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """All files below a folder: as they are, and unpacked as far as their kind is known."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.name.encode()
            content = path.read_bytes()
            yield path, content
            yield from ((path, one) for one in unpacked(path, content))


def unpacked(path: Path, content: bytes) -> Iterator[bytes]:
    """What compression hides: Parquet's values, dictionaries and statistics, SQLite's rows, gzip, a page."""
    if content.startswith(b"PAR1"):
        yield from _parquet(path)
    elif content.startswith(b"SQLite format 3"):
        with sqlite3.connect(path) as connection:
            yield "\n".join(connection.iterdump()).encode()
        connection.close()
    elif content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.lstrip()[:9].lower() == b"<!doctype":
        for blob in re.findall(rb"[A-Za-z0-9+/]{200,}={0,2}", content):
            packed = b64decode(blob + b"=" * (-len(blob) % 4))
            yield gzip.decompress(packed) if packed.startswith(b"\x1f\x8b") else packed


def _parquet(path: Path) -> Iterator[bytes]:
    file = pq.ParquetFile(path)
    yield repr(file.read().to_pylist()).encode()
    yield repr(file.schema_arrow.metadata).encode()
    with_dictionary: set[str] = set()
    for group in range(file.num_row_groups):
        about = file.metadata.row_group(group)
        yield repr(about.to_dict()).encode()
        columns = [about.column(number) for number in range(about.num_columns)]
        with_dictionary |= {one.path_in_schema for one in columns if "RLE_DICTIONARY" in one.encodings}
    names = sorted(with_dictionary & set(file.schema_arrow.names))
    encoded = pq.ParquetFile(path, read_dictionary=names).read(names)  # with what no row refers to
    pieces: list[Column] = [piece for column in encoded.columns for piece in column.chunks]
    for piece in pieces:
        if pa.types.is_dictionary(piece.type):
            yield repr(piece.dictionary.to_pylist()).encode()
