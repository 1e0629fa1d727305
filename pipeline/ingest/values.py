"""Fields of a line to values, one by one; ``-`` is absent."""

import re
from datetime import UTC, datetime

import pyarrow as pa

from pipeline.ingest.arrow import Column
from pipeline.ingest.escapes import text
from pipeline.ingest.layout import EARLIEST_YEAR, LATEST_YEAR
from pipeline.ingest.tokens import LineError
from pipeline.model import INSTANT

Value = str | int | float | datetime | list[str] | None

ABSENT = b"-"

_USUAL_INSTANT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_SECONDS = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(rb"0[xX][0-9A-Fa-f]{1,16}|\d{1,19}")
_BRACKETED = re.compile(rb"\[.*\]", re.DOTALL)
_STATUS_LIMIT, _PORT_LIMIT, _WHOLE_LIMIT = 1000, 1 << 16, 1 << 63
_PORT_DIGITS = 5


def optional_text(token: bytes) -> str | None:
    """Text as logged."""
    return None if token == ABSENT else text(token)


def instant(token: bytes, field: str) -> datetime | None:
    """An instant, UTC.

    Raises:
        LineError: it is none.
    """
    if token == ABSENT:
        return None
    try:
        moment = _moment(token)
    except (ValueError, OverflowError):
        raise LineError(field, "no ISO 8601 instant in UTC") from None
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise LineError(field, f"year {moment.year} is out of range")
    return moment


def required_instant(token: bytes, field: str) -> datetime:
    """The same where a row cannot do without it.

    Raises:
        LineError: it is absent or none.
    """
    moment = instant(token, field)
    if moment is None:
        raise LineError(field, "absent")
    return moment


def _moment(token: bytes) -> datetime:
    if _USUAL_INSTANT.fullmatch(token):
        return datetime.fromisoformat(token.decode("ascii"))
    # Arrow's reading of rarer forms, so that both paths agree on them.
    value: Column = pa.array([token.decode("ascii")]).cast(INSTANT)[0]
    moment: datetime = value.as_py()
    return moment.astimezone(UTC)


def address(token: bytes, field: str) -> tuple[str | None, int | None]:
    """Address and port; IPv6 comes without brackets, so the last colon parts them.

    Raises:
        LineError: it is of another shape.
    """
    if token == ABSENT:
        return None, None
    ip, _, digits = token.rpartition(b":")
    number = _port(digits)
    ip = ip[1:-1] if _BRACKETED.fullmatch(ip) else ip
    if not ip or _BRACKETED.fullmatch(ip) or number is None:
        raise LineError(field, "no address and port")
    return text(ip), number


def port(token: bytes, field: str) -> int | None:
    """A port.

    Raises:
        LineError: it is no number below 65,536.
    """
    if token == ABSENT:
        return None
    number = _port(token)
    if number is None:
        raise LineError(field, "no port")
    return number


def _port(token: bytes) -> int | None:
    if not token.isdigit() or len(token) > _PORT_DIGITS or int(token) >= _PORT_LIMIT:
        return None
    return int(token)


def seconds(token: bytes, field: str) -> float:
    """A number of seconds, -1 included.

    Raises:
        LineError: it is absent or no finite number.
    """
    value = float(token) if _SECONDS.fullmatch(token) else float("inf")
    if value in {float("inf"), float("-inf")}:
        raise LineError(field, "no number of seconds")
    return value


def optional_seconds(token: bytes, field: str) -> float | None:
    """The same where it may be absent."""
    return None if token == ABSENT else seconds(token, field)


def whole(token: bytes, field: str) -> int | None:
    """A number of bytes.

    Raises:
        LineError: it is none.
    """
    return None if token == ABSENT else _number(token, _WHOLE_LIMIT, field, "no number of bytes")


def status(token: bytes, field: str) -> int | None:
    """A status code.

    Raises:
        LineError: it is none.
    """
    return None if token == ABSENT else _number(token, _STATUS_LIMIT, field, "no status code")


def _number(token: bytes, limit: int, field: str, reason: str) -> int:
    """A whole number below ``limit``; hexadecimal as Arrow reads it, so that both paths agree."""
    if _WHOLE.fullmatch(token):
        value = int(token, 16 if token[:2] in {b"0x", b"0X"} else 10)
        if value < limit:
            return value
    raise LineError(field, reason)
