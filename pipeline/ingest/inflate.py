"""Bytes of an object to bytes of lines: gzip or plain, in pieces of bounded size."""

from collections.abc import Iterator
from typing import BinaryIO

from isal import igzip_lib

PIECE = 16 << 20
"""Largest piece handed out: one whole object of usual size, and small enough for the allocator to reuse."""

_READ = 4 << 20
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
        head = yield from _member(stream, head)
        head = _skip_padding(stream, head)
        if head and not _MAGIC.startswith(head[:2]) and head[:2] != _MAGIC:
            raise DamagedError("garbage after the gzip data")


def _member(stream: BinaryIO, data: bytes) -> Iterator[bytes]:
    """Inflate one member; returns the bytes behind it."""
    inflater = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    while not inflater.eof:
        try:
            piece = inflater.decompress(data, PIECE)
        except (igzip_lib.error, EOFError, ValueError):
            raise DamagedError("corrupt gzip") from None
        if piece:
            yield piece
        data = b""
        if inflater.needs_input and not inflater.eof:
            data = stream.read(_READ)
            if not data:
                raise DamagedError("truncated gzip")
    return inflater.unused_data or stream.read(_READ)


def _skip_padding(stream: BinaryIO, data: bytes) -> bytes:
    """Drop zeros, with which some writers fill up the last block; complete a split magic number."""
    data = data.lstrip(b"\0")
    while len(data) < len(_MAGIC):
        more = stream.read(_READ)
        if not more:
            break
        data = (data + more).lstrip(b"\0")
    return data
