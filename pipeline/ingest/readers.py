"""Chooses how an object is read: by its name, and by what its first bytes look like."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Protocol

from pipeline.ingest import delivered, delivered_w3c, keys, lenient, look
from pipeline.ingest.delivered_parquet import ParquetReader
from pipeline.ingest.kinds import ACCESS, BY_NAME, Kind
from pipeline.ingest.look import Format
from pipeline.ingest.objects import ObjectReader
from pipeline.ingest.parsed import Origin, Parsed
from pipeline.ingest.source import Candidate


class Reader(Protocol):
    """Reads one object once."""

    problem: str | None
    """Afterwards: why it could not be read to its end."""

    def parse(self) -> Iterator[Parsed]:
        """Rows and rejects, in line order."""
        ...


@dataclass(frozen=True)
class Reading:
    """How an object is read: its kind of log, and the numbers of fields that are no news in its format."""

    reader: Reader
    kind: Kind
    layouts: frozenset[int]


def reading(candidate: Candidate, stream: BinaryIO) -> Reading | None:
    """The way to read an object; None when its content decides and is no log of ours."""
    seen = look.look(stream)
    named = BY_NAME.get(keys.kind(candidate.object_key)) if seen.format == Format.PLAIN else None
    kind = named or seen.kind
    if kind is None and candidate.is_doubtful:
        return None
    return _reading(stream, _origin(candidate.object_key), kind or ACCESS, seen.format)


def _origin(object_key: str) -> Origin:
    named = keys.parse(object_key)
    return Origin(object_key, named.node_ip, named.load_balancer) if named else Origin(object_key)


def _reading(stream: BinaryIO, origin: Origin, kind: Kind, written: Format) -> Reading:
    if written == Format.PARQUET:
        return Reading(ParquetReader(stream, origin, kind), kind, frozenset())
    if written == Format.JSON:
        parse = partial(delivered.parse, kind=kind)
        return Reading(ObjectReader(stream, origin, parse), kind, frozenset())
    if written == Format.W3C:
        return Reading(ObjectReader(stream, origin, delivered_w3c.Lines(kind)), kind, frozenset())
    if kind == ACCESS:
        return Reading(ObjectReader(stream, origin), kind, kind.layouts)
    return Reading(ObjectReader(stream, origin, partial(lenient.parse, kind=kind)), kind, kind.layouts)
