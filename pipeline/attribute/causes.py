"""The causes: one SQL file each, with a TOML header in its comments."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, get_args

from pipeline import queries
from pipeline.attribute import headers
from pipeline.errors import QueryError

RateKind = Literal["fixed", "per_event", "steady", "episodic", "triggered"]
Ceiling = Literal["high", "medium", "low"]


@dataclass(frozen=True)
class Cause:
    """One cause of gateway errors.

    Attributes:
        id: name in `attributions.cause`; the stem of its SQL file.
        title: what it is, in words.
        statuses: status codes that it can give.
        rate: how its unknown rate behaves, see `pipeline.attribute.rates`.
        needs: tables that its SQL reads.
        sources: families of timeline sources that reveal it (`nodes`, `pods`, `deregistrations`).
        remedy: what to change, with ``{placeholders}`` for settings of the error's load balancer.
        doc: the comment below the header.
        ceiling: how sure its verdict can be at best, see `pipeline.attribute.verdicts`.
    """

    id: str
    title: str
    statuses: tuple[int, ...]
    rate: RateKind
    needs: tuple[str, ...]
    sources: tuple[str, ...]
    remedy: str
    doc: str
    ceiling: Ceiling = "high"

    @property
    def query(self) -> str:
        """Name of its SQL file."""
        return f"causes/{self.id}"


def load() -> list[Cause]:
    """All causes, sorted by id.

    Raises:
        QueryError: a header is missing or incomplete.
    """
    return [_read(name) for name in queries.names("causes")]


def digest() -> str:
    """Hash over all cause files: two runs with the same digest decided by the same rules."""
    content = "\0".join(queries.read(name) for name in queries.names("causes"))
    return blake2b(content.encode(), digest_size=6).hexdigest()


def _read(name: str) -> Cause:
    header, doc = headers.read(name, "cause")
    try:
        cause = Cause(
            id=header["id"],
            title=header["title"],
            statuses=tuple(header["statuses"]),
            rate=header["rate"],
            needs=tuple(header["needs"]),
            sources=tuple(header["sources"]),
            remedy=header["remedy"],
            doc=doc,
            ceiling=header.get("ceiling", "high"),
        )
    except KeyError as problem:
        raise QueryError(f"sql/{name}.sql: header: {problem} is missing") from problem
    if cause.rate not in get_args(RateKind) or cause.ceiling not in get_args(Ceiling):
        raise QueryError(f"sql/{name}.sql: header: rate or ceiling is off")
    return cause
