"""Cuts the rows of several files into slices of time that fit into memory."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

Times: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
"""Instants in µs since 1970."""

ReadTimes: TypeAlias = Callable[[int, int], Iterator[Times]]
"""Gives, piece by piece, all instants in a span (both ends belong to it) and perhaps some outside."""

_CELLS = 4096
_PARTS = 20


class Slice(NamedTuple):
    """A span of time, both ends belonging to it (µs), and its rows."""

    first: int
    last: int
    rows: int


def cut(read: ReadTimes, first: int, last: int, rows: int, most: int) -> list[Slice]:
    """Slices of about equal size, in order, that cover the span without a gap.

    Each has at most ``most`` rows, except where a single microsecond has more.
    """
    parts = -(-rows // (most - most // _PARTS))
    wanted = -(-rows // max(parts, 1))
    slices: list[Slice] = []
    for cell in _cells(read, first, last, max(1, most // _PARTS)):
        if slices and slices[-1].rows < wanted and slices[-1].rows + cell.rows <= most:
            slices[-1] = Slice(slices[-1].first, cell.last, slices[-1].rows + cell.rows)
        else:
            slices.append(cell)
    return slices


def _cells(read: ReadTimes, first: int, last: int, most: int) -> Iterator[Slice]:
    """Short spans with rows in them; those with more than ``most`` are cut again, down to a microsecond."""
    width = -(-(last - first + 1) // _CELLS)
    counts = np.zeros(_CELLS, np.int64)
    for times in read(first, last):
        inside = times[(times >= first) & (times <= last)]
        counts += np.bincount((inside - first) // width, minlength=_CELLS)
    for place in np.flatnonzero(counts):
        start = first + int(place) * width
        end = min(start + width - 1, last)
        if counts[place] > most and width > 1:
            yield from _cells(read, start, end, most)
        else:
            yield Slice(start, end, int(counts[place]))
