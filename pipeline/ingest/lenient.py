"""Lines to rows one by one: exact, an order of magnitude slower than the fast path."""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa

from pipeline.ingest import foreign
from pipeline.ingest.kinds import ACCESS, Kind
from pipeline.ingest.parsed import Origin, Parsed, Reject, reject
from pipeline.ingest.tokens import LineError, tokenise
from pipeline.ingest.values import Value

_OWN = ("object_key", "line_number")


class Rows:
    """Rows of one kind of log, collected field by field, and the lines that are no entries."""

    def __init__(self, kind: Kind, origin: Origin) -> None:
        """Start without any."""
        self._kind = kind
        self._origin = origin
        self._names = [name for name in kind.table.schema.names if name not in _OWN]
        self._columns: dict[str, list[Value]] = {name: [] for name in self._names}
        self._numbers: list[int] = []
        self._rejects: list[Reject] = []
        self._layouts: Counter[int] = Counter()

    def add(self, number: int, row: dict[str, Value], fields: int | None) -> None:
        """Take the row of one line; ``fields`` says how many it has, None: that tells nothing."""
        for name in self._names:
            self._columns[name].append(row[name])
        self._numbers.append(number)
        if fields is not None:
            self._layouts[fields] += 1

    def refuse(self, number: int, problem: LineError, line: bytes) -> None:
        """Take a line that is no entry."""
        self._rejects.append(reject(number, problem.field, problem.reason, line))

    def parsed(self) -> Parsed:
        """All of it."""
        tables = [self._table()] if self._numbers else []
        total = len(self._numbers) + len(self._rejects)
        return Parsed(total, tables, self._rejects, dict(self._layouts))

    def _table(self) -> pa.Table:
        origin, count = self._origin, len(self._numbers)
        every = {
            **self._columns,
            "elb_node_ip": _filled(self._columns["elb_node_ip"], origin.node_ip),
            "elb": _filled(self._columns["elb"], origin.load_balancer),
            "line_number": self._numbers,
            "object_key": [origin.object_key] * count,
        }
        schema = self._kind.table.schema
        return pa.table({name: every[name] for name in schema.names}, schema=schema)


def _filled(column: list[Value], otherwise: str | None) -> list[Value]:
    """What the line does not say, the object's key may."""
    return [otherwise if value is None else value for value in column]


def parse(lines: Iterable[tuple[int, bytes]], origin: Origin, kind: Kind = ACCESS) -> Parsed:
    """Parse numbered lines, each without its newline; one carriage return at the end is dropped."""
    rows = Rows(kind, origin)
    for number, line in lines:
        text = line.removesuffix(b"\r")
        try:
            tokens = tokenise(text, kind.fields)
            _check_length(tokens, kind)
            rows.add(number, kind.row(tokens), len(tokens))
        except LineError as problem:
            rows.refuse(number, foreign.named(text, problem, kind), line)
    return rows.parsed()


def _check_length(tokens: list[bytes], kind: Kind) -> None:
    if len(tokens) < kind.fewest:
        few = f"{len(tokens)} fields, an entry has at least {kind.fewest}"
        raise LineError(None, "empty line" if tokens == [b""] else few)
