"""Splits of text columns on Arrow's buffers: no Python object per row.

A text column is one run of bytes and the offsets of its values, so positions of blanks and colons
are found once for the whole run.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.ingest.arrow import Argument, Column, Encoded, TextColumn

_BLANK, _COLON, _ZERO, _BRACKET = 32, 58, 48, 91
_PORT_DIGITS, _PORT_LIMIT = 5, 1 << 16
_WORD, _TEN = 8, 10

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
    """Split request lines at their first and last blank.

    Usual is: verb and protocol of one to eight bytes, and a URL between them. What stands in the
    parts of other rows has no meaning.
    """
    values = Text.of(column)
    data = values.data
    blanks = np.flatnonzero(data == _BLANK)
    if len(data) < _WORD or not len(blanks) or not data.all():  # a NUL cannot be told from padding
        return _none_usual(len(column))
    first, last = _outer(blanks, values)
    verb, proto = first - values.start, values.end - last - 1
    usual = (verb > 0) & (verb <= _WORD) & (proto > 0) & (proto <= _WORD) & (last > first)
    usual &= values.end - values.start >= _WORD
    verb, proto = np.where(usual, verb, 0), np.where(usual, proto, 0)
    drop = np.zeros(len(data), np.bool_)
    for size in range(1, _WORD + 1):
        steps = np.arange(size + 1)
        drop[values.start[verb == size][:, None] + steps] = True
        drop[values.end[proto == size][:, None] - 1 - steps] = True
    taken = np.where(usual, verb + proto + 2, 0)
    words = np.lib.stride_tricks.sliding_window_view(data, _WORD)
    heads = words[np.where(usual, values.start, 0)].view(np.uint64).ravel()
    tails = words[np.where(usual, values.end - _WORD, 0)].view(np.uint64).ravel()
    return Requests(
        _short_words(heads & _low_bytes(verb)),
        values.without(drop, values.end - values.start - taken),
        _short_words((tails >> ((_WORD - proto) * 8 % 64).astype(np.uint64)) & _low_bytes(proto)),
        usual,
    )


def _none_usual(rows: int) -> Requests:
    nothing: Encoded = pa.array([""] * rows, pa.string())
    few: Encoded = nothing.dictionary_encode()
    return Requests(few, nothing, few, np.zeros(rows, np.bool_))


def _outer(blanks: Places, values: Text) -> tuple[Places, Places]:
    """First and last blank of each value that has one; something else where it has none."""
    first, last = blanks[0::2], blanks[1::2]
    if (
        len(last) == len(values.start) == len(first)
        and (first >= values.start).all()
        and (last < values.end).all()
    ):
        return first, last  # two in each: nothing to search for
    first = blanks[np.minimum(np.searchsorted(blanks, values.start), len(blanks) - 1)]
    return first, blanks[np.searchsorted(blanks, values.end) - 1]


def _low_bytes(count: Places) -> npt.NDArray[np.uint64]:
    masks = np.array([(1 << 8 * size) - 1 for size in range(_WORD + 1)], np.uint64)
    return masks[count]


def _short_words(packed: npt.NDArray[np.uint64]) -> Encoded:
    """Words of up to eight bytes, packed little-endian into numbers, as a column of few values."""
    encoded: Encoded = pa.array(packed).dictionary_encode()
    words = [value.to_bytes(_WORD, "little").rstrip(b"\0") for value in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(
        encoded.indices, pa.array([word.decode("utf-8", errors="replace") for word in words], pa.string())
    )
