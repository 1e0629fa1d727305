"""What an object holds, told from its first bytes: plain lines, w3c, JSON or Parquet, and of which kind."""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

import pyarrow.parquet as pq

from pipeline.ingest import delivered_w3c, foreign
from pipeline.ingest.grouped import READ_ERRORS
from pipeline.ingest.kinds import BY_NAME, Kind

_HEAD = 16 << 10
_LINES = 20
_GZIP, _PARQUET, _MARK = b"\x1f\x8b", b"PAR1", b"\xef\xbb\xbf"
_JSON_PART = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:)?|[{}\[\]]')

_OF_NLB = frozenset(
    {"destination_port", "listener", "connection_time", "tls_handshake_time", "alpn_fe_protocol"}
)
"""Fields of network load balancers' logs that ours do not have."""


class Format(StrEnum):
    """How entries are written."""

    PLAIN = "plain"
    W3C = "w3c"
    JSON = "json"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Look:
    """Format of an object, and its kind of log; None: it looks like none of ours."""

    format: Format
    kind: Kind | None


def look(stream: BinaryIO) -> Look:
    """Look at the start of an object, gzip or not, and go back there."""
    head = stream.read(_HEAD)
    stream.seek(0)
    if head.startswith(_PARQUET):
        return Look(Format.PARQUET, _kind_of_parquet(stream))
    if head.startswith(_GZIP):
        head = _inflated(head)
    text = head.removeprefix(_MARK).lstrip()
    if text.startswith(b"{"):
        return Look(Format.JSON, kind_of_names(_names_of(text.partition(b"\n")[0])))
    if names := delivered_w3c.field_names(text.split(b"\n")):
        return Look(Format.W3C, kind_of_names(names))
    return Look(Format.PLAIN, _kind_of_lines(text))


def kind_of_names(names: Iterable[str]) -> Kind | None:
    """The kind of log whose own fields are the most among these; None: no kind's, or another balancer's."""
    given = set(names)
    if "time" not in given or given & _OF_NLB:
        return None
    kinds = list(BY_NAME.values())
    scores = [len(given & _own_names(kind)) for kind in kinds]
    best = max(scores)
    return kinds[scores.index(best)] if best else None


def _names_of(text: bytes) -> Iterator[str]:
    """Names of an object's own members, not of those inside them; the text may break off."""
    depth = 0
    for part in _JSON_PART.finditer(text):
        if part[1] is None:
            depth += 1 if part[0] in {b"{", b"["} else -1
        elif part[2] and depth == 1:
            yield part[1].decode("utf-8", errors="replace")


def _own_names(kind: Kind) -> set[str]:
    others = {name for other in BY_NAME.values() if other != kind for name in other.delivered}
    return set(kind.delivered) - others


def _inflated(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 2 * _HEAD)
    except zlib.error:  # the reader says what is wrong with it
        return b""


def _kind_of_lines(text: bytes) -> Kind | None:
    for line in text.split(b"\n", _LINES)[:_LINES]:
        kind = foreign.kind_of_line(line)
        if kind is not None:
            return kind
    return None


def _kind_of_parquet(stream: BinaryIO) -> Kind | None:
    try:
        names = pq.ParquetFile(stream).schema_arrow.names
    except (*READ_ERRORS, ValueError):  # names that are not UTF-8
        names = []
    stream.seek(0)
    return kind_of_names(names)
