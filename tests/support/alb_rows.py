"""Rows of the table `requests` back to lines."""

import re
from datetime import datetime
from typing import Any

from pipeline.model import REQUESTS
from tests.support.alb_lines import QUOTED

Row = dict[str, Any]

_NAMES = REQUESTS.schema.names
_NEEDS_NO_QUOTES = re.compile(r'[^ "\r]+')


def values(row: Row) -> list[str]:
    """Unquoted values in log order: the 34 known fields, then the unknown ones."""
    parts = (row["request_verb"], row["request_url"], row["request_proto"])
    request = row["request_line"]
    if request is None and row["request_verb"] is not None:
        request = " ".join(parts)
    return [
        *(_text(row[name]) for name in ("type", "time", "elb")),
        *(_address(row, side) for side in ("client", "target")),
        *(_seconds(row[f"{step}_processing_time"]) for step in ("request", "target", "response")),
        *(_text(row[name]) for name in _between("elb_status_code", "request_verb")),
        _text(request),
        *(_text(row[name]) for name in _between("user_agent", "extra_fields")),
        *(row["extra_fields"] or []),
    ]


def line(row: Row) -> str:
    """A line that has to be read as this row, whatever its texts hold."""
    return " ".join(_quoted(place, value) for place, value in enumerate(values(row)))


def _between(first: str, end: str) -> list[str]:
    return _NAMES[_NAMES.index(first) : _NAMES.index(end)]


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else str(value)


def _address(row: Row, side: str) -> str:
    ip = row[f"{side}_ip"]
    return "-" if ip is None else f"{ip}:{row[f'{side}_port']}"


def _seconds(value: float) -> str:
    if value == -1:
        return "-1"
    usual = f"{value:.3f}"
    return usual if float(usual) == value else repr(value)


def _quoted(place: int, value: str) -> str:
    r"""In quotes where the load balancer writes them or the text needs them.

    A text that ends in half an escape leaves its last backslash outside: ``\"`` would not close.
    """
    if place not in QUOTED and place <= max(QUOTED) + 1 and _NEEDS_NO_QUOTES.fullmatch(value):
        return value
    backslashes = len(value) - len(value.rstrip("\\"))
    return f'"{value[:-1]}"\\' if backslashes % 2 else f'"{value}"'
