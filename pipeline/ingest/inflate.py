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
    rest = memoryview(head)
    step = _READ
    while rest:
        start = stream.tell() - len(rest)
        rest = yield from _member(stream, rest, start, step)
        # What a member leaves unused is copied: after a tiny one, many more may follow.
        step = _READ if stream.tell() - len(rest) - start > _STEP else _STEP
        rest = _skip_padding(stream, rest)
        if not _MAGIC.startswith(bytes(rest[:2])):
            raise DamagedError("garbage after the gzip data")


def _member(stream: BinaryIO, view: memoryview, start: int, step: int) -> Generator[bytes, None, memoryview]:
    """Inflate one member that starts at ``start``, beginning with ``step`` bytes; returns what follows it."""
    inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    given = place = 0
    while not inflater.eof:
        data = view[:0]
        if inflater.needs_input:
            if place == len(view):
                view, place = memoryview(stream.read(_READ)), 0
                if not view:
                    raise DamagedError("truncated gzip")
            data = view[place : place + step]
            place, step = place + len(data), _READ
        try:
            piece = inflater.decompress(data, PIECE)
        except (_INFLATE_ERROR, EOFError, ValueError):
            yield from _salvage(stream, start, given)
            raise DamagedError("corrupt gzip") from None
        if piece:
            given += len(piece)
            yield piece
    return view[place - len(inflater.unused_data) :]


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


def _skip_padding(stream: BinaryIO, view: memoryview) -> memoryview:
    """Drop zeros, with which some writers fill up the last block; complete a split magic number."""
    while True:
        if not view:
            view = memoryview(stream.read(_READ))
        start = bytes(view[:_STEP])
        text = start.lstrip(b"\0")
        view = view[len(start) - len(text) :]
        if text or not start:
            break
    if len(view) < len(_MAGIC):
        view = memoryview(bytes(view) + stream.read(_READ))
    return view
