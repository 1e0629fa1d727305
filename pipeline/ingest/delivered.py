"""Records of CloudWatch's delivery, in JSON, w3c or Parquet: named fields, of which any may be left out."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

from pipeline.ingest.kinds import Kind
from pipeline.ingest.layout import LONGEST, MOST_FIELDS
from pipeline.ingest.lenient import Rows
from pipeline.ingest.parsed import Origin, Parsed
from pipeline.ingest.tokens import LineError
from pipeline.ingest.values import ABSENT

Record = Mapping[str, object]


def parse(lines: Iterable[tuple[int, bytes]], origin: Origin, kind: Kind) -> Parsed:
    """Parse numbered lines of JSON, one record each, without their newlines."""
    rows = Rows(kind, origin)
    for number, line in lines:
        try:
            add(rows, number, _record(line), kind)
        except LineError as problem:
            rows.refuse(number, problem, line)
    return rows.parsed()


def add(rows: Rows, number: int, record: Record, kind: Kind) -> None:
    """Add the row of a record. Fields that the kind does not know are kept as ``name=value``.

    Raises:
        LineError: it is no entry.
    """
    tokens = [_token(record.get(name), name) for name in kind.delivered]
    if len(record) > MOST_FIELDS:
        raise LineError(None, f"more than {MOST_FIELDS:,} fields")
    unknown = sorted(record.keys() - set(kind.delivered))
    tokens += [_bytes(name) + b"=" + _any_token(record[name]) for name in unknown]
    rows.add(number, kind.row(tokens, is_selection=True), len(tokens) if unknown else None)


def _record(line: bytes) -> Record:
    if not line.strip():
        raise LineError(None, "empty line")
    try:
        record = json.loads(line)
    except RecursionError:
        raise LineError(None, "JSON of too many levels") from None
    except ValueError as problem:
        raise LineError(None, f"no JSON: {problem}"[:200]) from None
    if not isinstance(record, dict):
        raise LineError(None, "JSON, but no object with fields")
    return record


def _token(value: object, name: str) -> bytes:
    """A value as the plain log would write it."""
    if isinstance(value, str):
        return _bytes(value) or ABSENT
    if value is None:
        return ABSENT
    if isinstance(value, bytes):
        if len(value) > LONGEST:
            raise LineError(name, "longer than 1 MiB")
        return value or ABSENT
    if isinstance(value, float) and value.is_integer():
        return str(int(value)).encode("ascii")  # whole numbers are floats where a column has gaps
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value).encode("ascii")
    raise LineError(name, "neither text nor a number")


def _any_token(value: object) -> bytes:
    try:
        return _token(value, "")
    except LineError:
        return _bytes(json.dumps(value, default=str))


def _bytes(text: str) -> bytes:
    """UTF-8; lone halves of surrogate pairs, which JSON may hold, become bytes that are escaped later."""
    return text.encode("utf-8", errors="surrogatepass")
