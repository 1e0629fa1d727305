"""One line to one row: the exact reading, which decides wherever the fast path has a doubt."""

import re
from datetime import UTC, datetime

import pyarrow as pa

from pipeline.ingest import request_line
from pipeline.ingest.arrow import Column
from pipeline.ingest.escapes import text
from pipeline.ingest.layout import EARLIEST_YEAR, ELB, FEWEST, FIELDS, LATEST_YEAR, TYPE
from pipeline.ingest.tokens import LineError, tokenise
from pipeline.model import INSTANT

Value = str | int | float | datetime | list[str] | None

_TYPE, _ELB = re.compile(TYPE.encode()), re.compile(ELB.encode())
_USUAL_INSTANT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_SECONDS = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(rb"0[xX][0-9A-Fa-f]{1,16}|\d{1,19}")
_BRACKETED = re.compile(rb"\[.*\]", re.DOTALL)
_ABSENT = b"-"
_STATUS_LIMIT, _PORT_LIMIT, _WHOLE_LIMIT = 1000, 1 << 16, 1 << 63
_PORT_DIGITS = 5

_FOREIGN = (
    (re.compile(rb"Enable AccessLog for ELB: "), "access log test file"),
    (re.compile(rb"(?:tls|tcp) \d\.\d |net/"), "network load balancer entry"),
    (re.compile(rb"[a-z0-9]+ \S+Z \d+\.\d{9} \S+ \S+ (?:PASS|FAIL) "), "health check log entry"),
    (re.compile(rb"\d{4}-\d\d-\d\dT\S+Z \S+ \d+ \d+ "), "connection log entry"),
    (re.compile(rb"\d{4}-\d\d-\d\dT\S+Z [^ /]+ \S+:\d+ "), "Classic Load Balancer entry"),
)


def parse(line: bytes, row: dict[str, list[Value]]) -> int:
    """Append the entry of one line (without its line end) to the columns of ``row``.

    Returns:
        How many fields the line has.

    Raises:
        LineError: the line is no entry; ``row`` is unchanged.
    """
    try:
        tokens = tokenise(line)
        values = _values(tokens)
    except LineError as problem:
        raise _named(line, problem) from None
    for name, value in values.items():
        row[name].append(value)
    return len(tokens)


def _named(line: bytes, problem: LineError) -> LineError:
    for shape, name in _FOREIGN:
        if shape.match(line):
            return LineError(problem.field, f"{name}: {problem.reason}")
    return problem


def _values(tokens: list[bytes]) -> dict[str, Value]:
    if len(tokens) < FEWEST:
        reason = "empty line" if tokens == [b""] else f"{len(tokens)} fields, an entry has at least {FEWEST}"
        raise LineError(None, reason)
    _check_shape(tokens)
    client_ip, client_port = _address(tokens, 3)
    target_ip, target_port = _address(tokens, 4)
    request = None if tokens[12] == _ABSENT else request_line.split(text(tokens[12]))
    values: dict[str, Value] = {
        "type": text(tokens[0]),
        "time": _instant(tokens, 1),
        "elb": text(tokens[2]),
        "client_ip": client_ip,
        "client_port": client_port,
        "target_ip": target_ip,
        "target_port": target_port,
        "elb_status_code": _status(tokens, 8),
        "target_status_code": _status(tokens, 9),
        "received_bytes": _whole(tokens, 10),
        "sent_bytes": _whole(tokens, 11),
        "request_verb": request and request.verb,
        "request_url": request and request.url,
        "request_proto": request and request.proto,
        "request_line": request and request.whole,
    }
    for place in (5, 6, 7):
        values[FIELDS[place]] = _seconds(tokens, place)
    for place in range(13, len(FIELDS)):
        values[FIELDS[place]] = _text(tokens, place)
    values["domain_name"] = _text([token.strip(b" ") for token in tokens[:19]], 18)
    values["request_creation_time"] = _instant(tokens, 21)
    values["extra_fields"] = [text(token) for token in tokens[34:]] or None
    return values


def _check_shape(tokens: list[bytes]) -> None:
    if not _TYPE.fullmatch(tokens[0]):
        raise LineError("type", "no type of listener")
    if tokens[1] == _ABSENT:
        raise LineError("time", "absent")
    if not _ELB.fullmatch(tokens[2]) or tokens[2].startswith(b"net/"):
        raise LineError("elb", "no id of an Application Load Balancer")


def _text(tokens: list[bytes], place: int) -> str | None:
    if place >= len(tokens) or tokens[place] == _ABSENT:
        return None
    return text(tokens[place])


def _instant(tokens: list[bytes], place: int) -> datetime | None:
    if place >= len(tokens) or tokens[place] == _ABSENT:
        return None
    token = tokens[place]
    try:
        moment = _moment(token)
    except (ValueError, OverflowError):
        raise LineError(FIELDS[place], "no ISO 8601 instant in UTC") from None
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise LineError(FIELDS[place], f"year {moment.year} is out of range")
    return moment


def _moment(token: bytes) -> datetime:
    if _USUAL_INSTANT.fullmatch(token):
        return datetime.fromisoformat(token.decode("ascii"))
    # Arrow's reading of rarer forms, so that both paths agree on them.
    value: Column = pa.array([token.decode("ascii")]).cast(INSTANT)[0]
    moment: datetime = value.as_py()
    return moment.astimezone(UTC)


def _address(tokens: list[bytes], place: int) -> tuple[str | None, int | None]:
    token = tokens[place]
    if token == _ABSENT:
        return None, None
    ip, _, port = token.rpartition(b":")  # IPv6 comes without brackets
    ip = ip[1:-1] if _BRACKETED.fullmatch(ip) else ip
    is_port = port.isdigit() and len(port) <= _PORT_DIGITS and int(port) < _PORT_LIMIT
    if not ip or _BRACKETED.fullmatch(ip) or not is_port:
        raise LineError(FIELDS[place], "no address and port")
    return text(ip), int(port)


def _seconds(tokens: list[bytes], place: int) -> float:
    token = tokens[place]
    value = float(token) if _SECONDS.fullmatch(token) else float("inf")
    if value in {float("inf"), float("-inf")}:
        raise LineError(FIELDS[place], "no number of seconds")
    return value


def _whole(tokens: list[bytes], place: int) -> int | None:
    token = tokens[place]
    return None if token == _ABSENT else _number(token, _WHOLE_LIMIT, FIELDS[place], "no number of bytes")


def _status(tokens: list[bytes], place: int) -> int | None:
    token = tokens[place]
    return None if token == _ABSENT else _number(token, _STATUS_LIMIT, FIELDS[place], "no status code")


def _number(token: bytes, limit: int, field: str, reason: str) -> int:
    """A whole number below ``limit``; hexadecimal as Arrow reads it, so that both paths agree."""
    if _WHOLE.fullmatch(token):
        value = int(token, 16 if token[:2] in {b"0x", b"0X"} else 10)
        if value < limit:
            return value
    raise LineError(field, reason)
