"""Cuts a line into its fields: blanks separate, double quotes group."""

import re
from collections.abc import Sequence

from pipeline.ingest.layout import FIELDS, MOST_FIELDS

_ESCAPED = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"([^ "]*)|([^ "]*)', re.DOTALL)
_PLAIN = re.compile(rb'"([^"]*)"([^ "]*)|([^ "]*)')


class LineError(ValueError):
    """A line is no entry: which field says so, and why."""

    def __init__(self, field: str | None, reason: str) -> None:
        """Name the field (None: the line as a whole) and the reason."""
        super().__init__(reason)
        self.field = field
        self.reason = reason


def tokenise(line: bytes, names: Sequence[str] = FIELDS) -> list[bytes]:
    r"""Fields of a line, quotes removed, escapes left as they are.

    ``\"`` inside quotes belongs to the text. Where that reading fails, a backslash is taken for an
    ordinary character, so that a text ending in one does not swallow its closing quote. ``names`` are
    those of the fields, for the error.

    Raises:
        LineError: a quote is not closed, or stands inside a field; or there are beyond measure many.
    """
    line = line.rstrip(b" ")
    if b'"' not in line:
        fields = line.split(b" ", MOST_FIELDS)
        if len(fields) > MOST_FIELDS:
            raise _too_many()
        return fields
    try:
        return _cut(line, _ESCAPED, names)
    except LineError as problem:
        if problem.field is None or b'\\"' not in line:
            raise
        return _cut(line, _PLAIN, names)


def _cut(line: bytes, shape: re.Pattern[bytes], names: Sequence[str]) -> list[bytes]:
    fields: list[bytes] = []
    place, end = 0, len(line)
    while True:
        found = shape.match(line, place)
        if found is None:  # the last alternative matches anything, also nothing
            raise AssertionError(line)
        place = found.end()
        if place < end and line[place] != 32:  # noqa: PLR2004 - a blank
            raise _stray(line, place, _name(names, len(fields)), opens=found.end() == found.start())
        quoted, tail, bare = found.groups()
        fields.append(bare if quoted is None else quoted + tail)
        if place == end:
            return fields
        if len(fields) == MOST_FIELDS:
            raise _too_many()
        place += 1


def _too_many() -> LineError:
    return LineError(None, f"more than {MOST_FIELDS:,} fields")


def _name(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else f"field {number + 1}"


def _stray(line: bytes, place: int, name: str, *, opens: bool) -> LineError:
    closed = line.find(b'"', place + 1) >= 0
    return LineError(name, "quote inside the field" if closed or not opens else "quote is not closed")
