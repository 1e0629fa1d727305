"""One object to rows: inflate, cut, parse fast where that is safe and exactly where it is not."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

from pipeline.ingest import fast, lenient
from pipeline.ingest.allowance import Allowance
from pipeline.ingest.blocks import Block, Cutter, LongLine
from pipeline.ingest.inflate import DamagedError, pieces
from pipeline.ingest.layout import FEWEST
from pipeline.ingest.parsed import Origin, Parsed, reject
from pipeline.ingest.tokens import LineError, tokenise

_MARK = b"\xef\xbb\xbf"
_PROBES = 7
_PART, _PART_BYTES = 20_000, 2 << 20
_SHORTEST, _USUAL = 100, 16 << 10
"""Bytes of a line on average, below which a block cannot be mostly entries, and above which it hardly is."""
_MOST_FIELDS = 64
"""Fields of a line for which the fast path is worth its room: all of them as columns at once."""
_FEW_LINES = 8
"""Below, the fast path takes longer to set up than the exact one to finish."""

ParseLines = Callable[[Iterable[tuple[int, bytes]], Origin], Parsed]
"""Numbered lines to rows and rejects."""


class ObjectReader:
    """Reads one object once; afterwards ``problem`` says why it could not be read to its end.

    Args:
        stream: the object's bytes, gzip or plain.
        origin: what the rows carry about the object.
        parse: reads lines one by one; default: access-log lines, fast where that is safe.
    """

    def __init__(self, stream: BinaryIO, origin: Origin, parse: ParseLines | None = None) -> None:
        """Read nothing yet."""
        self._stream = stream
        self._origin = origin
        self._parse = parse
        self._cutter = Cutter()
        self._allowance = Allowance()
        self.problem: str | None = None

    def parse(self) -> Iterator[Parsed]:
        """Rows and rejects, block by block, in line order."""
        try:
            for piece in pieces(self._stream):
                self._allowance.inflate(len(piece))
                for parsed in self._parts(self._cutter.feed(self._without_mark(piece))):
                    self._allowance.take(parsed)
                    yield parsed
                    if self._is_given_up(self._allowance.spent_on_lines()):
                        return
                if self._is_given_up(self._allowance.spent_on_bytes()):
                    yield from self._cut_off("giving up")
                    return
        except DamagedError as damage:
            yield from self._cut_off(str(damage))
            self.problem = f"{damage} after {self._cutter.lines} lines"
            return
        yield from self._parts(self._cutter.finish())
        if not self._cutter.lines:
            self.problem = "empty object"

    def _is_given_up(self, reason: str | None) -> bool:
        self.problem = reason
        return reason is not None

    def _without_mark(self, piece: bytes) -> bytes:
        return piece.removeprefix(_MARK) if self._cutter.lines == 0 else piece

    def _parts(self, parts: Iterator[Block | LongLine]) -> Iterator[Parsed]:
        for part in parts:
            if isinstance(part, Block):
                yield from self._rows(part)
            else:
                yield Parsed(1, [], [reject(part.number, None, "line longer than 1 MiB", part.head)])

    def _rows(self, block: Block) -> Iterator[Parsed]:
        if self._parse is None:
            return parse_block(block, self._origin)
        return _exactly(block.numbered(), self._origin, self._parse)

    def _cut_off(self, damage: str) -> Iterator[Parsed]:
        last = self._cutter.cut_off()
        if last is not None:
            number, head = last
            yield Parsed(1, [], [reject(number, None, f"line cut off by {damage}", head)])


def parse_block(block: Block, origin: Origin) -> Iterator[Parsed]:
    """Rows and rejects of one block; together they are its lines."""
    fields = _usual_fields(block) if _is_worth_it(block) else 0
    rows = fast.parse(block, fields, origin) if FEWEST <= fields <= _MOST_FIELDS else None
    if rows is None:
        yield from _exactly(block.numbered(), origin)
        return
    yield Parsed(rows.table.num_rows, [rows.table], [], {fields: rows.table.num_rows})
    if len(rows.left_over):
        odd = ((block.first_line + int(place), block.line(int(place))) for place in rows.left_over)
        yield from _exactly(odd, origin)


def _exactly(
    lines: Iterator[tuple[int, bytes]], origin: Origin, parse: ParseLines = lenient.parse
) -> Iterator[Parsed]:
    """Parse in parts: sixteen million empty lines fit into a block, but not into memory as rejects."""
    part: list[tuple[int, bytes]] = []
    size = 0
    for number, line in lines:
        part.append((number, line))
        size += len(line)
        if len(part) == _PART or size >= _PART_BYTES:
            yield parse(part, origin)
            part, size = [], 0
    if part:
        yield parse(part, origin)


def _is_worth_it(block: Block) -> bool:
    """Many lines, and as long as entries? Arrow would take room for all fields of every empty one."""
    size = block.end - block.start
    return block.lines >= _FEW_LINES and block.lines * _SHORTEST <= size <= block.lines * _USUAL


def _usual_fields(block: Block) -> int:
    """Most frequent number of fields among the first lines; 0 when none can be cut."""
    counts: Counter[int] = Counter()
    place = block.start
    for _ in range(_PROBES):
        end = block.data.find(b"\n", place, block.end)
        with suppress(LineError):
            counts[len(tokenise(block.data[place : end if end >= 0 else block.end].removesuffix(b"\r")))] += 1
        if end < 0 or end + 1 >= block.end:
            break
        place = end + 1
    return counts.most_common(1)[0][0] if counts else 0
