"""Bytes of an object to bytes of lines: gzip or plain, in pieces of bounded size."""

import zlib
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO

from isal import igzip_lib

PIECE = 16 << 20
"""Largest piece handed out: one whole object of usual size, and small enough for the allocator to reuse."""

_READ = 4 << 20
_STEP = 8 << 10
_INFLATE_ERROR: Any = igzip_lib.error  # a class; the stubs take it for an instance
_MAGIC = b"\x1f\x8b"


class DamagedError(Exception):
    """The stream cannot be read on; the message says what is wrong with it."""


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Inflated pieces; plain text passes through.

    Raises:
        DamagedError: the gzip data ends early or is corrupt; all that was readable has been handed out.
    """
    head = stream.read(_READ)
    if head[:2] != _MAGIC:
        while head:
            yield head
            head = stream.read(PIECE)
        return
    while head:
        head = yield from _member(stream, head, stream.tell() - len(head))
        head = _skip_padding(stream, head)
        if head and not _MAGIC.startswith(head[:2]) and head[:2] != _MAGIC:
            raise DamagedError("garbage after the gzip data")


def _member(stream: BinaryIO, data: bytes, start: int) -> Generator[bytes, None, bytes]:
    """Inflate one member that starts at ``start``; returns the bytes behind it."""
    inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    given = 0
    while not inflater.eof:
        try:
            piece = inflater.decompress(data, PIECE)
        except (_INFLATE_ERROR, EOFError, ValueError):
            yield from _salvage(stream, start, given)
            raise DamagedError("corrupt gzip") from None
        if piece:
            given += len(piece)
            yield piece
        data = b""
        if inflater.needs_input and not inflater.eof:
            data = stream.read(_READ)
            if not data:
                raise DamagedError("truncated gzip")
    return inflater.unused_data or stream.read(_READ)


def _salvage(stream: BinaryIO, start: int, given: int) -> Iterator[bytes]:
    """What a damaged member holds beyond the ``given`` bytes: the fast inflater drops it with its error."""
    stream.seek(start)
    inflater = zlib.decompressobj(wbits=31)
    skip = given
    while data := stream.read(_STEP):
        before = inflater.copy()
        try:
            piece = inflater.decompress(data)
        except zlib.error:
            piece = _bytewise(before, data)
            data = b""
        yield piece[skip:]
        skip = max(0, skip - len(piece))
        if not data:
            return


def _bytewise(inflater: "zlib._Decompress", data: bytes) -> bytes:
    """All that comes before the damage."""
    pieces_before = []
    for place in range(len(data)):
        try:
            pieces_before.append(inflater.decompress(data[place : place + 1]))
        except zlib.error:
            break
    return b"".join(pieces_before)


def _skip_padding(stream: BinaryIO, data: bytes) -> bytes:
    """Drop zeros, with which some writers fill up the last block; complete a split magic number."""
    data = data.lstrip(b"\0")
    while len(data) < len(_MAGIC):
        more = stream.read(_READ)
        if not more:
            break
        data = (data + more).lstrip(b"\0")
    return data
