"""What the pages of a Parquet file would grow to, told from their headers before one is inflated.

A kilobyte of Parquet can hold a page of two gigabytes, or a text of a megabyte that five thousand rows
point to. The file's footer sums sizes up, but a page is taken into memory as its own header says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.ingest import thrift
from pipeline.ingest.thrift import Fields, member, members, number

LARGEST_GROUP = 256 << 20
"""Bytes of a row group, inflated, beyond which a file is not read: it would not fit into memory."""

ROWS = 5_000
"""Rows that are read at once where nothing speaks against it."""

_AT_ONCE = 32 << 20
_USUAL_HEADER, _LONGEST_HEADER = 512, 1 << 20
_TAIL, _LONGEST_FOOTER = 8, 64 << 20
_DICTIONARY_PAGE = 2
_DICTIONARY, _DELTA_BYTE_ARRAY = -1, 7
"""How values are written: as Parquet numbers it, but -1 for the values that others point to."""
_BYTES, _FIXED_BYTES = 6, 7
"""Types of columns whose values can be of any length."""


class TooLargeError(Exception):
    """The file is not read (on); the message says why."""


@dataclass(frozen=True)
class Page:
    """A page as its header describes it: how values are written, and bytes in memory."""

    encoding: int
    inflated: int


@dataclass(frozen=True)
class Plan:
    """How a row group can be read.

    Attributes:
        rows: rows at once.
        encoded: places of columns whose dictionaries are to be kept: spread over the rows, they could be of
            any size.
    """

    rows: int
    encoded: list[int]


def row_groups(stream: BinaryIO) -> list[Fields]:
    """The row groups as the footer describes them; the stream is left anywhere.

    Raises:
        TooLargeError: the footer is longer than any.
        ValueError: it is damaged.
    """
    end = stream.seek(0, 2)
    stream.seek(max(0, end - _TAIL))
    length = int.from_bytes(stream.read(4), "little")
    if length > _LONGEST_FOOTER:
        raise TooLargeError(f"footer of more than {_LONGEST_FOOTER >> 20} MiB")
    stream.seek(max(0, end - _TAIL - length))
    try:
        footer, _ = thrift.struct(stream.read(length))
    except EOFError:
        raise ValueError("a footer that does not end") from None
    return members(footer, 4)


def rows(group: Fields) -> int:
    """Rows of a row group, as the footer says."""
    return number(group, 3)


def plan(stream: BinaryIO, group: Fields) -> Plan:
    """Look at every page's header; the stream is left anywhere.

    Raises:
        TooLargeError: the row group would not fit into memory.
        ValueError: a header is damaged.
    """
    chunks = _chunks(stream, group)
    encoded = [
        place
        for place, chunk in enumerate(chunks)
        if chunk.kind == _BYTES and chunk.has(_DICTIONARY) and not chunk.has(_DELTA_BYTE_ARRAY)
    ]  # of both, Arrow cannot keep the dictionary
    growing = sum(chunk.longest() for place, chunk in enumerate(chunks) if place not in encoded)
    return Plan(max(1, min(ROWS, _AT_ONCE // growing)) if growing else ROWS, encoded)


@dataclass(frozen=True)
class _Chunk:
    """One column of one row group."""

    kind: int
    pages: list[Page]

    def longest(self) -> int:
        """Bytes that one value may have although it takes next to none in the file."""
        is_shared = self.has(_DICTIONARY) or self.has(_DELTA_BYTE_ARRAY)
        if self.kind not in {_BYTES, _FIXED_BYTES} or not is_shared:
            return 0
        return max(page.inflated for page in self.pages)

    def has(self, encoding: int) -> bool:
        """Is any page written so?"""
        return any(page.encoding == encoding for page in self.pages)


def _chunks(stream: BinaryIO, group: Fields) -> list[_Chunk]:
    found = []
    total = 0
    for column in (member(chunk, 3) for chunk in members(group, 1)):
        pages = []
        for page in _pages(stream, column):
            pages.append(page)
            total += page.inflated
            if total > LARGEST_GROUP:
                raise TooLargeError(f"row group of more than {LARGEST_GROUP >> 20} MiB")
        found.append(_Chunk(number(column, 1), pages))
    return found


def _pages(stream: BinaryIO, column: Fields) -> Iterator[Page]:
    """The pages of a column of a row group, where Arrow looks for them."""
    packed, data, dictionary = (number(column, field) for field in (7, 9, 11))
    place = dictionary if 0 < dictionary < data else data
    end = place + packed
    while place < end:
        header, length = _header(stream, place)
        kind, inflated, packed = (number(header, field) for field in (1, 2, 3))
        encoding = number(member(header, 5), 2) or number(member(header, 8), 4)
        if inflated < 0 or packed < 0:
            raise ValueError("a page of a size below zero")
        yield Page(_DICTIONARY if kind == _DICTIONARY_PAGE else encoding, max(inflated, packed))
        place += length + packed


def _header(stream: BinaryIO, place: int) -> tuple[Fields, int]:
    """The page header at a place, and its length; the longest ones hold a text of statistics."""
    for most in (_USUAL_HEADER, _LONGEST_HEADER):
        stream.seek(max(0, place))
        try:
            return thrift.struct(stream.read(most))
        except EOFError:
            continue
    raise ValueError("a page header that does not end")
