"""The three kinds of log: which fields their lines have, and which table they become."""

from dataclasses import dataclass
from typing import Protocol

from pipeline.ingest import connection_entry, entry, health_check_entry, layout
from pipeline.ingest.values import Value
from pipeline.model import CONNECTIONS, HEALTH_CHECKS, REQUESTS, Table


class ReadRow(Protocol):
    """Fields in log order to the columns of a row."""

    def __call__(self, tokens: list[bytes], *, is_selection: bool = False) -> dict[str, Value]:
        """Raises LineError when it is no entry."""
        ...


@dataclass(frozen=True)
class Kind:
    """A kind of log.

    Attributes:
        name: as in `objects.kind`.
        table: what its lines become.
        fields: names of the fields in log order, as rejects name them.
        delivered: the same as CloudWatch's delivery names them in JSON, w3c and Parquet.
        fewest: fields of the oldest layout; a line with fewer is no entry.
        layouts: numbers of fields that AWS documents, or that have been seen for long.
        row: reads the fields of one entry.
    """

    name: str
    table: Table
    fields: tuple[str, ...]
    delivered: tuple[str, ...]
    fewest: int
    layouts: frozenset[int]
    row: ReadRow


_DELIVERED = {
    "client:port": "client_port",
    "target:port": "target_port",
    "request": "request_line",
    "elb_node_ip": "ip_address",
}


def _delivered(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_DELIVERED.get(name, name) for name in fields)


ACCESS = Kind(
    "access_log",
    REQUESTS,
    layout.FIELDS,
    _delivered(layout.FIELDS),
    layout.FEWEST,
    frozenset({18, 20, 23, 24, 25, 27, 29, 30, 33, 34, 36}),
    entry.row,
)
CONNECTION = Kind(
    "connection_log",
    CONNECTIONS,
    connection_entry.FIELDS,
    _delivered(connection_entry.FIELDS),
    connection_entry.FEWEST,
    frozenset({12, 15}),
    connection_entry.row,
)
HEALTH_CHECK = Kind(
    "health_check_log",
    HEALTH_CHECKS,
    health_check_entry.FIELDS,
    _delivered(health_check_entry.FIELDS),
    health_check_entry.FEWEST,
    frozenset({8, 10}),
    health_check_entry.row,
)

BY_NAME = {kind.name: kind for kind in (ACCESS, CONNECTION, HEALTH_CHECK)}
