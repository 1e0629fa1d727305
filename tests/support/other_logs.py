"""Connection-log and health-check-log lines, and records of CloudWatch's delivery, for tests."""

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.ingest.kinds import ACCESS
from pipeline.ingest.tokens import tokenise
from tests.support.alb_lines import ELB, START, instant, object_lines, object_name

NODE = "198.51.100.4"


@dataclass(frozen=True)
class ConnectionLine:
    """One entry of a connection log as text; ``fields`` says how many of them the layout has."""

    time: datetime = START
    client_ip: str = "203.0.113.1"
    client_port: str = "36280"
    listener_port: str = "443"
    tls: tuple[str, str, str] = ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "4.036")
    subject: str = "CN=amazondomains.com,O=endEntity,L=Seattle,ST=Washington,C=US"
    validity: str = "NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z"
    serial_number: str = "FEF257372D5C14D4"
    verified: str = "Success"
    trace_id: str = "TID_3180a73013c8ca4bac2f731159d4b0fe"
    key_exchange: str = "x25519"
    elb: str = ELB
    node_ip: str = NODE
    extra: tuple[str, ...] = ()
    fields: int = 15

    def render(self) -> str:
        """The line without its end."""
        every = [
            *(instant(self.time), self.client_ip, self.client_port, self.listener_port, *self.tls),
            *(f'"{self.subject}"', self.validity, self.serial_number, self.verified, self.trace_id),
            *(self.key_exchange, self.elb, self.node_ip, *self.extra),
        ]
        return " ".join(every[: self.fields + len(self.extra)])


@dataclass(frozen=True)
class CheckLine:
    """One entry of a health-check log as text; ``fields`` says how many of them the layout has."""

    type: str = "http"
    time: datetime = START
    latency: str = "0.019584011"
    target: str = "10.0.1.17:30080"
    group: str = "web-30080"
    status: str = "PASS"
    status_code: str = "200"
    reason: str = "-"
    elb: str = ELB
    node_ip: str = NODE
    extra: tuple[str, ...] = ()
    fields: int = 10

    def render(self) -> str:
        """The line without its end."""
        every = [
            *(self.type, instant(self.time), self.latency, self.target, self.group),
            *(self.status, self.status_code, self.reason, self.elb, self.node_ip, *self.extra),
        ]
        return " ".join(every[: self.fields + len(self.extra)])


_OUTCOMES: dict[str, dict[str, Any]] = {
    "p": {},
    "t": {"latency": "5.000000000", "status": "FAIL", "status_code": "-", "reason": "TimedOut"},
    "r": {"status": "FAIL", "status_code": "-", "reason": "ConnectionReset"},
    "c": {"status": "FAIL", "status_code": "404", "reason": "ResponseCodeMismatch"},
}


def checks(
    start: datetime,
    outcomes: str,
    *,
    every_s: float = 10.0,
    target: str = "10.0.1.17:30080",
    group: str = "web-30080",
    elb: str = ELB,
    node_ip: str = NODE,
) -> list[CheckLine]:
    """One check for each letter: ``p`` passed, ``t`` timed out, ``r`` was reset, ``c`` got a wrong code."""
    like = CheckLine(target=target, group=group, elb=elb, node_ip=node_ip)
    return [
        replace(like, time=start + timedelta(seconds=every_s * place), **_OUTCOMES[outcome])
        for place, outcome in enumerate(outcomes)
    ]


def packed(lines: Iterable[str]) -> bytes:
    """The body of an object."""
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def put(
    folder: Path, prefix: str, lines: Iterable[str], *, seed: int = 1, end: datetime | None = None
) -> Path:
    """Write an object under its name; ``prefix`` is ``conn_log_``, ``health_check_log_`` or empty."""
    path = folder / f"{prefix}{object_name(seed, end or START + timedelta(minutes=5))}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(lines))
    return path


def records(count: int, *, seed: int = 1, fields: int = 34, keep: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Access-log entries as CloudWatch's delivery names their fields; ``keep`` selects some."""
    found = []
    for line in object_lines(seed, count, fields=fields):
        values = [token.decode() for token in tokenise(line.encode())]
        record = dict(zip(ACCESS.delivered, values, strict=False))
        found.append({name: record[name] for name in keep or record})
    return found


def json_lines(entries: Iterable[dict[str, Any]]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(one) + "\n" for one in entries)


def w3c_lines(entries: Sequence[dict[str, Any]], delimiter: str = "\t", between: str = " ") -> str:
    """The w3c format: directives, then the values of each entry."""
    head = f"#Version: 1.0\n#Fields: {between.join(entries[0])}\n"
    return head + "".join(delimiter.join(str(value) for value in one.values()) + "\n" for one in entries)
