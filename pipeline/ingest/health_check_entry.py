"""One health-check-log line to one row of `health_checks`."""

import re

from pipeline.ingest import values
from pipeline.ingest.escapes import text
from pipeline.ingest.layout import TYPE
from pipeline.ingest.tokens import LineError
from pipeline.ingest.values import ABSENT, Value

FIELDS = (
    "type",
    "time",
    "latency",
    "target_addr",
    "target_group_id",
    "status",
    "status_code",
    "reason_code",
    "elb",
    "elb_node_ip",
)
"""Columns in log order."""

FEWEST = 8
"""Fields of the oldest layout."""

_TEXTS = (3, 4, 5, *range(7, len(FIELDS)))
_TYPE = re.compile(TYPE.encode())
_STATUS = re.compile(rb"[A-Z][A-Z_]{1,31}")


def row(tokens: list[bytes], *, is_selection: bool = False) -> dict[str, Value]:
    """Columns of one entry.

    Args:
        tokens: fields in log order, at least as many as the oldest layout has.
        is_selection: the delivery may have left fields out, so only time and status must be there.

    Raises:
        LineError: it is no entry.
    """
    if not (_TYPE.fullmatch(tokens[0]) or (is_selection and tokens[0] == ABSENT)):
        raise LineError("type", "no type of health check")
    if not _STATUS.fullmatch(tokens[5]):
        raise LineError("status", "neither PASS nor FAIL")
    target_ip, target_port = _target(tokens[0], tokens[3])
    found: dict[str, Value] = {
        "type": values.optional_text(tokens[0]),
        "time": values.required_instant(tokens[1], "time"),
        "latency": values.optional_seconds(tokens[2], "latency"),
        "target_ip": target_ip,
        "target_port": target_port,
        "status_code": values.status(tokens[6], "status_code"),
    }
    for place in _TEXTS:
        found[FIELDS[place]] = values.optional_text(tokens[place]) if place < len(tokens) else None
    found["extra_fields"] = [text(token) for token in tokens[len(FIELDS) :]] or None
    return found


def _target(kind: bytes, token: bytes) -> tuple[str | None, int | None]:
    """Address and port; a function has an ARN instead."""
    if kind == b"lambda" or token.startswith(b"arn:"):
        return None, None
    return values.address(token, "target_addr")
