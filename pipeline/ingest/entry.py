"""One access-log line to one row: the exact reading, which decides wherever the fast path has a doubt."""

import re

from pipeline.ingest import request_line, values
from pipeline.ingest.escapes import text
from pipeline.ingest.layout import ELB, FIELDS, TYPE
from pipeline.ingest.tokens import LineError
from pipeline.ingest.values import ABSENT, Value

_TYPE, _ELB = re.compile(TYPE.encode()), re.compile(ELB.encode())


def row(tokens: list[bytes], *, is_selection: bool = False) -> dict[str, Value]:
    """Columns of one entry.

    Args:
        tokens: fields in log order, at least as many as the oldest layout has.
        is_selection: the delivery may have left fields out, so only time and load balancer must be there.

    Raises:
        LineError: it is no entry.
    """
    _check_shape(tokens, is_selection=is_selection)
    client_ip, client_port = _address(tokens[3], FIELDS[3], is_selection=is_selection)
    target_ip, target_port = _address(tokens[4], FIELDS[4], is_selection=is_selection)
    request = None if tokens[12] == ABSENT else request_line.split(text(tokens[12]))
    found: dict[str, Value] = {
        "type": values.optional_text(tokens[0]),
        "time": values.required_instant(tokens[1], FIELDS[1]),
        "elb": text(tokens[2]),
        "client_ip": client_ip,
        "client_port": client_port,
        "target_ip": target_ip,
        "target_port": target_port,
        "elb_status_code": values.status(tokens[8], FIELDS[8]),
        "target_status_code": values.status(tokens[9], FIELDS[9]),
        "received_bytes": values.whole(tokens[10], FIELDS[10]),
        "sent_bytes": values.whole(tokens[11], FIELDS[11]),
        "request_verb": request and request.verb,
        "request_url": request and request.url,
        "request_proto": request and request.proto,
        "request_line": request and request.whole,
    }
    seconds = values.optional_seconds if is_selection else values.seconds
    for place in (5, 6, 7):
        found[FIELDS[place]] = seconds(tokens[place], FIELDS[place])
    for place in range(13, len(FIELDS)):
        found[FIELDS[place]] = values.optional_text(_token(tokens, place))
    found["domain_name"] = values.optional_text(_token(tokens, 18).strip(b" "))
    found["request_creation_time"] = values.instant(_token(tokens, 21), FIELDS[21])
    found["extra_fields"] = [text(token) for token in tokens[len(FIELDS) :]] or None
    return found


def _check_shape(tokens: list[bytes], *, is_selection: bool) -> None:
    if not _TYPE.fullmatch(tokens[0]) and not (is_selection and tokens[0] == ABSENT):
        raise LineError("type", "no type of listener")
    if tokens[1] == ABSENT:
        raise LineError("time", "absent")
    if not _ELB.fullmatch(tokens[2]) or tokens[2].startswith(b"net/"):
        raise LineError("elb", "no id of an Application Load Balancer")


def _token(tokens: list[bytes], place: int) -> bytes:
    return tokens[place] if place < len(tokens) else ABSENT


def _address(token: bytes, field: str, *, is_selection: bool) -> tuple[str | None, int | None]:
    """Address and port; the delivery's name for the field is that of a port, so one alone is taken too."""
    if is_selection and token.isdigit():
        return None, values.port(token, field)
    return values.address(token, field)
