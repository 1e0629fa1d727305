"""A lake of any size without its logs: five minutes are ingested, and written again with later times.

Every copy has its own objects, times, trace ids and errors, and goes through the batches of the ingest
itself, so that files, row groups, encodings and ledger are those that `pull` would have made of real objects.
What repeats every five minutes are clients, targets, URLs and durations.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.ingest.arrow import Column
from pipeline.ingest.batch import Batch, now_us
from pipeline.ingest.lake import Lake
from pipeline.ingest.layout import PARSER_VERSION
from pipeline.ingest.ledger import ObjectEntry
from pipeline.ingest.parsed import Parsed
from pipeline.ingest.pull import pull
from pipeline.model import REQUESTS, SYMBOL, Window
from tests.benchmarks.logs import NODES, write_object
from tests.support.alb_lines import START, object_key

INTERVAL_S = 300
KINDS = {"cut": 0.75, "closed at once": 0.15, "connect timeout": 0.10}
"""Shares of the errors; the cuts come in bursts at pod exits, the others at any time."""
_AFTER_SECONDS = len("Root=1-") + 8
_CONNECT = pa.scalar(10_002_000, pa.duration("us"))
compute: Any = pc  # the stubs know few of its functions


@dataclass(frozen=True)
class Failures:
    """Errors to come: when (s from the start, sorted), and of which kind (index of KINDS)."""

    at: np.ndarray
    kind: np.ndarray

    def within(self, first_s: float, last_s: float) -> "Failures":
        """Those of one interval."""
        chosen = slice(*np.searchsorted(self.at, [first_s, last_s]))
        return Failures(self.at[chosen], self.kind[chosen])


def failures(number: int, length_s: float, exits: np.ndarray, bursts_of: int = 5) -> Failures:
    """Cuts in bursts at pod exits, and lone errors at any time."""
    rng = np.random.default_rng(6)
    kind = np.sort(rng.choice(len(KINDS), number, p=list(KINDS.values())))
    at = rng.uniform(0.0, length_s, number)
    cuts = int((kind == 0).sum())
    if exits.size:
        burst = np.repeat(rng.choice(exits, -(-cuts // bursts_of)), bursts_of)[:cuts]
        at[:cuts] = np.clip(burst + rng.uniform(0.0, 1.0, cuts), 0.0, length_s - 1.0)
    order = np.argsort(at, kind="stable")
    return Failures(at[order], kind[order])


def fill(store: Path, lines: int, rate: int, targets: list[str], errors: Failures) -> int:
    """Fill a new lake with lines at a rate per second; returns how many became gateway errors."""
    per_object = rate * INTERVAL_S // NODES
    objects = lines // per_object
    with Lake.open(store) as lake, lake.writing(), ThreadPoolExecutor(2) as pool:
        base = [_spread(table, targets) for table in _base(per_object)]
        halves = [range(part, objects, 2) for part in range(2)]
        return sum(pool.map(lambda half: _copies(lake, base, half, errors), halves))


def _base(per_object: int) -> list[pa.Table]:
    """The objects of the first five minutes, as `pull` reads them; no errors."""
    with TemporaryDirectory() as scratch:
        for node in range(NODES):
            write_object(Path(scratch) / "logs", node, per_object, 0.0)
        with Lake.open(Path(scratch) / "lake") as lake:
            pull(str(Path(scratch) / "logs"), lake, Window())
            rows = pa.concat_tables([pq.read_table(path) for path in lake.request_files(Window())])
    rows = rows.select(REQUESTS.schema.names).cast(REQUESTS.schema)
    keys = sorted(compute.unique(rows.column("object_key").cast(pa.string())).to_pylist())
    names: Column = rows.column("object_key").cast(pa.string())
    return [rows.filter(compute.equal(names, key)).unify_dictionaries().combine_chunks() for key in keys]


def _spread(table: pa.Table, targets: list[str]) -> pa.Table:
    """The same requests, answered by these targets."""
    drawn = pa.array(np.random.default_rng(7).integers(0, len(targets), table.num_rows), pa.int32())
    ports = [f"{target}:30080" for target in targets]
    table = _with(table, "target_ip", pa.DictionaryArray.from_arrays(drawn, targets).cast(SYMBOL))
    return _with(table, "target_port_list", pa.DictionaryArray.from_arrays(drawn, ports).cast(SYMBOL))


def _copies(lake: Lake, base: list[pa.Table], numbers: range, errors: Failures) -> int:
    """Write some of the objects; object n is of node n mod 4 and interval n div 4."""
    batch, failed = Batch(lake), 0
    for number in numbers:
        interval, node = divmod(number, NODES)
        table, made = _copy(base[node % len(base)], interval, node, errors)
        key = object_key(number, START + timedelta(seconds=INTERVAL_S * (interval + 1)))
        table = _with(table, "object_key", _constant(key, table.num_rows))
        batch.add(f"made/{key}", key, Parsed(table.num_rows, [table]))
        batch.finish(_entry(key, table.num_rows))
        failed += made
    batch.commit()
    return failed


def _copy(table: pa.Table, interval: int, node: int, errors: Failures) -> tuple[pa.Table, int]:
    """The rows some intervals later, some of them failed; and how many."""
    begin_s = INTERVAL_S * interval
    later = pa.scalar(begin_s * 1_000_000, pa.duration("us"))
    for name in ("time", "request_creation_time"):
        table = _with(table, name, compute.add(table.column(name), later))
    table = _with(table, "trace_id", _traces(table))
    mine = errors.within(begin_s, begin_s + INTERVAL_S)
    share = np.arange(mine.at.size) % NODES == node
    return _failed(table, Failures(mine.at[share], mine.kind[share]))


def _traces(table: pa.Table) -> Column:
    """Trace ids with the second of each request."""
    seconds = _micros(table) // 1_000_000
    first = int(seconds.min())
    digits = pa.array([f"{second:08x}" for second in range(first, int(seconds.max()) + 1)])
    rest = compute.utf8_slice_codeunits(table.column("trace_id"), _AFTER_SECONDS)
    return compute.binary_join_element_wise("Root=1-", digits.take(pa.array(seconds - first)), rest, "")


def _failed(table: pa.Table, errors: Failures) -> tuple[pa.Table, int]:
    """The requests that end next to each error fail in its way."""
    moments = (errors.at * 1e6).astype(np.int64) + int(START.timestamp()) * 1_000_000
    rows, chosen = np.unique(np.searchsorted(_micros(table), moments), return_index=True)
    inside = rows < table.num_rows
    rows, kinds = rows[inside], errors.kind[chosen[inside]]
    if not rows.size:
        return table, 0
    of_kind = [_mask(rows[kinds == kind], table.num_rows) for kind in range(len(KINDS))]
    every = _mask(rows, table.num_rows)
    changes: dict[str, list[tuple[Column, Column]]] = {
        "elb_status_code": [(every, 502), (of_kind[2], 504)],
        "target_status_code": [(every, None)],
        "target_status_code_list": [(every, None)],
        "response_processing_time": [(every, -1.0)],
        "target_processing_time": [(of_kind[1], 0.001), (of_kind[2], -1.0)],
        "request_processing_time": [(of_kind[2], -1.0)],
        "request_creation_time": [(of_kind[2], compute.subtract(table.column("time"), _CONNECT))],
    }
    for name, steps in changes.items():
        values: Column = table.column(name)
        values = values.cast(pa.string()) if values.type == SYMBOL else values
        for mask, value in steps:
            values = compute.if_else(
                mask, value if isinstance(value, pa.ChunkedArray) else pa.scalar(value, values.type), values
            )
        table = _with(table, name, values)
    return table, int(rows.size)


def _mask(rows: np.ndarray, height: int) -> Column:
    mask = np.zeros(height, dtype=np.bool_)
    mask[rows] = True
    return pa.array(mask)


def _micros(table: pa.Table) -> np.ndarray:
    times: Column = table.column("time").cast(pa.int64())
    return np.asarray(times.to_numpy(), np.int64)


def _with(table: pa.Table, name: str, values: Column) -> pa.Table:
    """The table with other values in one column, in the column's own type."""
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field, values.cast(field.type))


def _constant(text: str, height: int) -> Column:
    return pa.DictionaryArray.from_arrays(np.zeros(height, np.int32), [text])


def _entry(key: str, rows: int) -> ObjectEntry:
    return ObjectEntry(
        locator=f"made/{key}",
        object_key=key,
        base_name=key.rpartition("/")[2],
        etag="made",
        content_hash=key,
        size=0,
        lines=rows,
        rows=rows,
        rejected=0,
        problem=None,
        parser_version=PARSER_VERSION,
        ingested_at=now_us(),
    )
