"""Bytes to blocks of whole lines, in bounded memory whatever the input is."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.ingest.arrow import Stream
from pipeline.ingest.layout import KEPT, LONGEST

_NEWLINE, _STRIDE = b"\n", LONGEST // 2
_STEP, _NOT_ASCII = 256 << 10, 128


class _Traits(NamedTuple):
    """What a block's bytes hold."""

    newlines: int
    is_ascii: bool
    has_returns: bool
    has_backslashes: bool


@dataclass(frozen=True)
class Block:
    """Whole lines: ``data[start:end]``, the last of them perhaps without a newline.

    ``first_line`` is the 1-based number of the first line within the object.
    """

    data: bytes
    start: int
    end: int
    first_line: int

    @property
    def lines(self) -> int:
        """Number of lines."""
        return self._traits.newlines + (self.data[self.end - 1] != _NEWLINE[0])

    @cached_property
    def _traits(self) -> "_Traits":
        """All that one pass over the bytes tells, in steps that stay in the processor's cache."""
        octets = np.frombuffer(self.data, np.uint8)
        newlines, is_ascii, returns, backslashes = 0, True, False, False
        for start in range(self.start, self.end, _STEP):
            end = min(start + _STEP, self.end)
            step = octets[start:end]
            newlines += int(np.count_nonzero(step == _NEWLINE[0]))
            is_ascii = is_ascii and int(step.max()) < _NOT_ASCII
            returns = returns or self.data.find(b"\r", start, end) >= 0
            backslashes = backslashes or self.data.find(b"\\", start, end) >= 0
        return _Traits(newlines, is_ascii, returns, backslashes)

    def buffer(self) -> Stream:
        """The lines for Arrow, not copied."""
        return pa.BufferReader(pa.py_buffer(self.data).slice(self.start, self.end - self.start))

    def is_plain(self) -> bool:
        """Is it UTF-8, without a byte order mark or line ends inside lines?"""
        if self._has_lone_returns():
            return False
        if self._traits.is_ascii:
            return True
        try:
            str(memoryview(self.data)[self.start : self.end], "utf-8")
        except UnicodeDecodeError:
            return False
        return not self.data.startswith(b"\xef\xbb\xbf", self.start)

    def _has_lone_returns(self) -> bool:
        if not self._traits.has_returns:
            return False
        span = (self.start, self.end)
        return self.data.count(b"\r", *span) != self.data.count(b"\r\n", *span)

    def escaped_quotes(self) -> npt.NDArray[np.int64]:
        r"""Places (from 0) of the lines that hold ``\"``, which Arrow would take for a closing quote."""
        found = []
        place = self.data.find(b'\\"', self.start, self.end) if self._traits.has_backslashes else -1
        while place >= 0:
            found.append(place)
            place = self.data.find(b'\\"', place + 1, self.end)
        if not found:
            return np.zeros(0, np.int64)
        return np.unique(np.searchsorted(self.line_ends, np.array(found, np.int64)))

    def ends_inside_quotes(self) -> bool:
        """Is a quote of the last line left open? Arrow takes the end of the block for its other end."""
        start = self.data.rfind(_NEWLINE, self.start, self.end - 1) + 1
        return self.data.count(b'"', max(start, self.start), self.end) % 2 == 1

    @cached_property
    def line_ends(self) -> npt.NDArray[np.int64]:
        """Where each line ends in ``data``: its newline, or the end of the block."""
        octets = np.frombuffer(self.data, np.uint8)[self.start : self.end]
        ends = np.flatnonzero(octets == _NEWLINE[0]) + self.start
        return ends if self.data[self.end - 1] == _NEWLINE[0] else np.append(ends, self.end)

    def line(self, place: int) -> bytes:
        """One line by its place (from 0), without its newline."""
        start = self.start if place == 0 else int(self.line_ends[place - 1]) + 1
        return self.data[start : int(self.line_ends[place])]

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """All lines with their numbers within the object."""
        start, number = self.start, self.first_line
        while start < self.end:
            end = self.data.find(_NEWLINE, start, self.end)
            end = end if end >= 0 else self.end
            yield number, self.data[start:end]
            start, number = end + 1, number + 1


@dataclass(frozen=True)
class LongLine:
    """A line over the limit: its number and its first 64 KiB."""

    number: int
    head: bytes


class Cutter:
    """Cuts pieces of a byte stream at newlines. Feed pieces in order, then finish."""

    def __init__(self) -> None:
        """Start before the first line."""
        self._next_line = 1
        self._rest = b""  # start of a line whose end has not come yet
        self._dropping = False  # inside a line over the limit; _rest is its head

    @property
    def lines(self) -> int:
        """Lines handed out so far."""
        return self._next_line - 1

    def feed(self, piece: bytes) -> Iterator[Block | LongLine]:
        """Blocks that are complete with this piece."""
        start = 0
        if self._rest or self._dropping:
            start = piece.find(_NEWLINE) + 1
            yield from self._join(piece, start)
            if not start:
                return
        end = piece.rfind(_NEWLINE) + 1
        if end > start:
            yield from self._split(piece, start, end)
        self._rest = piece[max(start, end) :]
        self._cap()

    def finish(self) -> Iterator[Block | LongLine]:
        """The last line, when it has no newline."""
        if self._dropping:
            yield self._long(self._rest)
        elif self._rest:
            yield self._block(self._rest, 0, len(self._rest))
        self._rest, self._dropping = b"", False

    def cut_off(self) -> tuple[int, bytes] | None:
        """Number and head of a last line that damage cut off; it counts as handed out."""
        if not self._rest:
            return None
        number, head = self._next_line, self._rest[:KEPT]
        self._next_line += 1
        self._rest, self._dropping = b"", False
        return number, head

    def _join(self, piece: bytes, end: int) -> Iterator[Block | LongLine]:
        """Complete the line that was left open, as a block of its own: copying a whole piece costs more."""
        if self._dropping:
            if end:
                yield self._long(self._rest)
                self._rest, self._dropping = b"", False
            return
        if len(self._rest) + (end - 1 if end else len(piece)) <= LONGEST:
            self._rest += piece[: end or len(piece)]
        else:
            self._rest = (self._rest + piece[:KEPT])[:KEPT]
            self._dropping = True
            yield from self._join(piece, end)
            return
        if end:
            line, self._rest = self._rest, b""
            yield self._block(line, 0, len(line))

    def _cap(self) -> None:
        if len(self._rest) > LONGEST:
            self._rest = self._rest[:KEPT]
            self._dropping = True

    def _split(self, piece: bytes, start: int, end: int) -> Iterator[Block | LongLine]:
        """Blocks between overlong lines. A stride without newline is a hint that there is one."""
        while start < end:
            gap = self._first_gap(piece, start, end)
            if gap is None:
                yield self._block(piece, start, end)
                return
            line_start, line_end = gap
            if line_start > start:
                yield self._block(piece, start, line_start)
            yield self._long(piece[line_start : line_start + KEPT])
            start = line_end

    @staticmethod
    def _first_gap(piece: bytes, start: int, end: int) -> tuple[int, int] | None:
        for place in range(start, end, _STRIDE):
            if piece.find(_NEWLINE, place, min(place + _STRIDE, end)) >= 0:
                continue
            line_start = piece.rfind(_NEWLINE, start, place) + 1 or start
            line_end = piece.find(_NEWLINE, place, end) + 1
            if line_end - 1 - line_start > LONGEST:
                return line_start, line_end
        return None

    def _block(self, data: bytes, start: int, end: int) -> Block:
        block = Block(data, start, end, self._next_line)
        self._next_line += block.lines
        return block

    def _long(self, head: bytes) -> LongLine:
        line = LongLine(self._next_line, head[:KEPT])
        self._next_line += 1
        return line
