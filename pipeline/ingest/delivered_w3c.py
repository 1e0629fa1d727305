"""The w3c format of CloudWatch's delivery: directives at the top name the fields, then an entry a line.

AWS documents that the format exists and that fields and delimiter can be chosen. The rest is the W3C's
extended log file format. Directives are the header of the object and no lines of the log.
"""

import re
from collections.abc import Iterable, Iterator

from pipeline.ingest import delivered
from pipeline.ingest.escapes import text as decoded
from pipeline.ingest.kinds import Kind
from pipeline.ingest.layout import MOST_FIELDS
from pipeline.ingest.lenient import Rows
from pipeline.ingest.parsed import Origin, Parsed
from pipeline.ingest.tokens import LineError, tokenise

_DIRECTIVE = re.compile(rb"#(?:Version|Fields|Software|Date|Start-Date|End-Date|Remark):")
_FIELDS = b"#Fields:"
_SEPARATED = re.compile(rb"[\w:()-]+([^\w:()-]+)[\w:()-]")
_BETWEEN = re.compile(rb"[^\w:()-]+")
_BLANK, _TAB, _QUOTE = b" ", b"\t", b'"'


def is_directive(line: bytes) -> bool:
    """Is it one of the W3C's? Only at the top: further down a client may have sent it."""
    return _DIRECTIVE.match(line) is not None


def field_names(lines: Iterable[bytes]) -> list[str]:
    """The fields that directives name; none when they name none."""
    named = [line for line in _directives(lines) if line.startswith(_FIELDS)]
    return (
        [decoded(name) for name in _BETWEEN.split(named[-1].removeprefix(_FIELDS)) if name] if named else []
    )


def _directives(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        if not is_directive(line):
            return
        yield line


class Lines:
    """Parses the lines of one object, part by part, in their order."""

    def __init__(self, kind: Kind) -> None:
        """Start at the top."""
        self._kind = kind
        self._names: list[str] = []
        self._delimiters = [_TAB, _BLANK]  # those that may be; one, when a line has fitted
        self._is_top = True

    def __call__(self, lines: Iterable[tuple[int, bytes]], origin: Origin) -> Parsed:
        """Rows and rejects of numbered lines without their ends; directives at the top are neither."""
        rows = Rows(self._kind, origin)
        for number, line in lines:
            text = line.removesuffix(b"\r")
            self._is_top = self._is_top and is_directive(text)
            if self._is_top:
                self._learn(text)
                continue
            try:
                delivered.add(rows, number, self._record(text), self._kind)
            except LineError as problem:
                rows.refuse(number, problem, line)
        return rows.parsed()

    def _learn(self, directive: bytes) -> None:
        if not directive.startswith(_FIELDS):
            return
        self._names = field_names([directive])
        separated = _SEPARATED.search(directive.removeprefix(_FIELDS))
        if separated and separated[1].strip():
            self._delimiters = [separated[1]]  # else blanks part the names, and perhaps tabs the values

    def _record(self, line: bytes) -> delivered.Record:
        if not line.strip():
            raise LineError(None, "empty line")
        if not self._names:
            raise LineError(None, "no #Fields above it: which fields these are is not known")
        twice = next((name for place, name in enumerate(self._names) if name in self._names[:place]), None)
        if twice is not None:
            raise LineError(twice, "named twice in #Fields")
        values = self._cut(line)
        return dict(zip(self._names, values, strict=True))

    def _cut(self, line: bytes) -> list[bytes]:
        most = 0
        for delimiter in self._delimiters:
            values = _split(line, delimiter, self._names)
            if len(values) == len(self._names):
                self._delimiters = [delimiter]
                return values
            most = max(most, len(values))
        raise LineError(None, f"{most} fields, #Fields names {len(self._names)}")


def _split(line: bytes, delimiter: bytes, names: list[str]) -> list[bytes]:
    """Values; blanks part as in the plain log, other delimiters wherever they stand outside quotes."""
    if delimiter == _BLANK:
        return tokenise(line, names)
    if _QUOTE not in line:
        return line.split(delimiter, MOST_FIELDS)
    value = re.compile(rb'(?:"([^"]*)"|(.*?))(' + re.escape(delimiter) + rb"|$)", re.DOTALL)
    values: list[bytes] = []
    place = 0
    while len(values) <= MOST_FIELDS and (found := value.match(line, place)):
        quoted, bare, end = found.groups()
        values.append(bare if quoted is None else quoted)
        if not end:
            break
        place = found.end()
    return values
