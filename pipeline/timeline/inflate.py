"""A file's text in chunks, plain or gzip, with what was wrong at its end."""

import codecs
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import IO

CHUNK = 1 << 20
MOST_BYTES = 16 << 30
"""Inflated bytes read of one file at most: a guard against gzip bombs."""

GZIP = b"\x1f\x8b"
_MOST_LAYERS = 2
"""CloudWatch Logs compresses what it sends; a Firehose stream set to compress does so once more."""
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""PowerShell's ``>`` writes UTF-16."""


@dataclass
class Text:
    """The text of one file, once.

    Attributes:
        opened: opens the file, wherever it is.
        trouble: why the text ended early; None while it has not, or ended well.
    """

    opened: Callable[[], IO[bytes]]
    trouble: str | None = field(default=None, init=False)

    def chunks(self) -> Iterator[str]:
        """Pieces of text in order; bytes that are no text are replaced.

        Raises:
            OSError: the file cannot be opened or read.
        """
        pieces = self._bytes()
        first = next(pieces, b"")
        encoding = next((name for mark, name in _ENCODINGS if first.startswith(mark)), "utf-8")
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        yield decoder.decode(first)
        for piece in pieces:
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)

    def _bytes(self) -> Iterator[bytes]:
        with self.opened() as file:
            pieces: Iterator[bytes] = iter(lambda: file.read(CHUNK), b"")
            for _ in range(_MOST_LAYERS):
                start, pieces = _peek(pieces)
                if not start.startswith(GZIP):
                    break
                pieces = self._bounded(self._inflated(pieces))
            yield from self._bounded(pieces)

    def _bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        total = 0
        for piece in pieces:
            total += len(piece)
            if total > MOST_BYTES:
                self.trouble = f"inflates to more than {MOST_BYTES} bytes"
                return
            yield piece

    def _inflated(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        """Inflate all members; stop at the first damage with everything before it."""
        inflater = zlib.decompressobj(wbits=31)
        for chunk in raw:
            rest = chunk
            while rest:
                if inflater.eof:
                    inflater = zlib.decompressobj(wbits=31)
                try:
                    piece = inflater.decompress(rest, CHUNK)
                except zlib.error as error:
                    self.trouble = f"gzip is damaged ({error})"
                    return
                yield piece
                rest = inflater.unused_data.lstrip(b"\0") if inflater.eof else inflater.unconsumed_tail
        yield inflater.flush()
        if not inflater.eof:
            self.trouble = self.trouble or "gzip ends early"


def _peek(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The start of the bytes, two of them at least where there are so many, and all of them."""
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= len(GZIP):
            break
    return start, chain((start,), pieces)
