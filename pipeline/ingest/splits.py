"""Splits of text columns on Arrow's buffers: no Python object per row.

A text column is one run of bytes and the offsets of its values, so positions of blanks and colons
are found once for the whole run.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ingest.arrow import Argument, Column, Encoded, TextColumn

_BLANK, _COLON, _ZERO, _BRACKET = 32, 58, 48, 91
_PORT_DIGITS, _PORT_LIMIT = 5, 1 << 16
_TEN, _WORDS = 10, 3

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Text:
    """A text column as numbers: its bytes, and where each value starts and ends in them."""

    data: npt.NDArray[np.uint8]
    start: Places
    end: Places

    @classmethod
    def of(cls, column: TextColumn) -> "Text":
        """View of a column that is one piece; a NULL is empty."""
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1].astype(
            np.int64
        )
        octets = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
        first = int(ends[0])
        return cls(octets[first : int(ends[-1])], ends[:-1] - first, ends[1:] - first)

    def without(self, drop: Flags, lengths: Places) -> TextColumn:
        """The column that remains when the flagged bytes are taken out."""
        offsets = np.zeros(len(lengths) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        ends: Argument = offsets
        kept: Argument = self.data[~drop]
        return pa.StringArray.from_buffers(len(lengths), pa.py_buffer(ends), pa.py_buffer(kept))


def addresses(column: TextColumn) -> tuple[TextColumn, Column, Flags]:
    """Split ``ip:port`` at the last colon.

    Returns:
        Addresses, ports, and which values are of that shape: no brackets, a port below 65536. What
        stands in the first two for other values has no meaning.
    """
    values = Text.of(column)
    colons = np.append(np.flatnonzero(values.data == _COLON), -1)
    last = colons[np.searchsorted(colons[:-1], values.end) - 1]
    digits = values.end - last - 1
    good = (last > values.start) & (digits > 0) & (digits <= _PORT_DIGITS)
    last = np.where(good, last, values.end)
    drop = np.zeros(len(values.data), np.bool_)
    port = np.zeros(len(last), np.int64)
    for step in range(_PORT_DIGITS + 1):
        place = last + step
        inside = place < values.end
        drop[place[inside]] = True
        if step:
            digit = values.data[np.where(inside, place, 0)].astype(np.int64) - _ZERO
            good &= ~inside | ((digit >= 0) & (digit < _TEN))
            port = np.where(inside, port * 10 + digit, port)
    if len(values.data):
        good &= values.data[np.minimum(values.start, len(values.data) - 1)] != _BRACKET
    good &= (port >= 0) & (port < _PORT_LIMIT)
    return values.without(drop, last - values.start), pa.array(port, pa.int32()), good


@dataclass(frozen=True)
class Requests:
    """Parts of the request lines, and which of them have the usual shape."""

    verb: Encoded
    url: TextColumn
    proto: Encoded
    usual: Flags


def requests(column: TextColumn) -> Requests:
    """Split request lines at their blanks.

    Usual is two blanks with text before, between and behind them. What stands in the parts of other
    rows has no meaning.
    """
    words = pc.split_pattern(column.fill_null(""), " ")
    starts = words.offsets.to_numpy()
    usual = np.diff(starts) == _WORDS
    verb, url, proto = (
        words.values.take(pa.array(np.where(usual, starts[:-1] + step, 0))) for step in range(_WORDS)
    )
    for part in (verb, url, proto):
        usual &= pc.binary_length(part).to_numpy() > 0
    return Requests(verb.dictionary_encode(), url, proto.dictionary_encode(), usual)
