"""Times as AWS tools print them, read to aware UTC datetimes."""

import math
import re
from datetime import UTC, datetime, timedelta

_TEXT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[T ](?P<minute>\d\d:\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<zone>Z|z|GMT|UTC|[+-]\d\d(?::?\d\d)?)?"
)
_NUMBER = re.compile(r"\d{9,19}(?:\.\d+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
"""From which magnitude on a number counts nanoseconds, microseconds, milliseconds; below: seconds."""


def read_instant(value: object) -> datetime:
    """The instant that a JSON value names.

    Takes ISO 8601 with any offset and up to nine decimals, ``2026-03-02 11:05:12 GMT``, and seconds or
    milliseconds since 1970 as a number or digits. Without an offset it is UTC. Decimals beyond the sixth
    are cut.

    Raises:
        ValueError: the value is no time, with its text.
    """
    try:
        if isinstance(value, str):
            return _from_text(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _from_number(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"no time: {str(value)[:80]!r}")


def _from_text(text: str) -> datetime:
    if _NUMBER.fullmatch(text):
        return _from_number(float(text) if "." in text else int(text))
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError
    fraction = (match["fraction"] or "0")[:6].ljust(6, "0")
    zone = match["zone"] or "Z"
    offset = "+00:00" if zone.upper() in {"Z", "GMT", "UTC"} else zone
    return datetime.fromisoformat(
        f"{match['day']}T{match['minute']}:{match['second'] or '00'}.{fraction}{offset}"
    ).astimezone(UTC)


def _from_number(number: float) -> datetime:
    if not math.isfinite(number):
        raise ValueError
    per_second = next((unit for least, unit in _UNITS if abs(number) >= least), 1)
    whole, rest = divmod(number, per_second)
    return _EPOCH + timedelta(seconds=whole, microseconds=round(rest * 10**6 / per_second))
