"""What each stage of an ingest costs, and what other Parquet layouts would. Prints, asserts nothing.

    python -m tests.benchmarks.ingest_stages --lines 20000 --repeat 7

One thread; milliseconds of processor time for one object, the best of the repeats.
"""

import argparse
import gzip
import hashlib
import io
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest import fast, parquet, splits
from pipeline.ingest.allocator import keep_freed_memory
from pipeline.ingest.blocks import Block
from pipeline.ingest.inflate import pieces
from pipeline.ingest.parsed import Origin
from tests.support.alb_lines import object_lines

_OBJECTS = 5  # as many as share a file
_FIELDS = 33

Work = Callable[[], object]


def best(work: Work, repeat: int) -> float:
    """Milliseconds of processor time of the fastest run."""
    times = []
    for _ in range(repeat):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times) * 1000


def stages(packed: bytes, tables: list[pa.Table], folder: Path) -> dict[str, tuple[Work, int]]:
    """Each stage with the number of objects that one call of it handles; indented ones lie within others."""
    raw = b"".join(pieces(io.BytesIO(packed)))
    read = fast._read(_block(raw), _FIELDS, [])
    if read is None:
        raise AssertionError(raw[:1000])
    requests = fast._whole(read)["request"]
    batch = pa.concat_tables(tables).unify_dictionaries()
    return {
        "hash": (lambda: hashlib.sha256(packed).digest(), 1),
        "inflate": (lambda: list(pieces(io.BytesIO(packed))), 1),
        "parse": (lambda: fast.parse(_block(raw), _FIELDS, Origin("key", "198.51.100.9")), 1),
        "  count and look": (lambda: _block(raw).is_plain(), 1),
        "  Arrow's CSV reader": (lambda: fast._read(_block(raw), _FIELDS, []), 1),
        "  join and encode": (lambda: fast._whole(read), 1),
        "  split request lines": (lambda: splits.requests(requests), 1),
        "put together": (lambda: pa.concat_tables(tables).unify_dictionaries(), _OBJECTS),
        "write Parquet": (lambda: parquet.write_requests(folder, "requests", batch), _OBJECTS),
    }


def layouts() -> dict[str, dict[str, Any]]:
    """Other ways of writing `requests`, as changes of the options."""
    used: dict[str, Any] = parquet.REQUESTS_LAYOUT
    encodings = used["column_encoding"]

    def without(*names: str) -> dict[str, Any]:
        return {"column_encoding": {name: kind for name, kind in encodings.items() if name not in names}}

    return {
        "as used": {},
        "zstd level 3": {"compression_level": 3},
        "lz4": {"compression": "lz4", "compression_level": None},
        "numbers whole": without("client_port", "received_bytes", "sent_bytes"),
        "trace_id whole": without("trace_id"),
        "request_url by common prefix": {
            "column_encoding": {**encodings, "request_url": "DELTA_BYTE_ARRAY"},
        },
        "statistics of all columns": {"write_statistics": True},
        "steps and pages as Arrow has them": {"write_batch_size": None, "max_rows_per_page": None},
        "ports and sizes as byte streams": {
            "column_encoding": {
                **encodings,
                **dict.fromkeys(["client_port", "received_bytes", "sent_bytes"], "BYTE_STREAM_SPLIT"),
            },
        },
    }


def written(table: pa.Table, change: dict[str, Any]) -> int:
    """Bytes of the file."""
    options: Any = {**parquet.REQUESTS_LAYOUT, **change}
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().size


def _block(raw: bytes) -> Block:
    return Block(raw, 0, len(raw), 1)


def _report(texts: list[bytes], lines: int, repeat: int) -> None:
    packed = gzip.compress(texts[0], 6)
    raw, small = (len(text) / lines for text in (texts[0], packed))
    print(f"{lines:,} lines an object, {raw:.0f} raw, {small:.1f} compressed bytes a line")
    unkept = best(lambda: list(pieces(io.BytesIO(packed))), repeat)
    print(f"{'inflate, memory given back':35}{unkept:8.1f} ms an object")
    keep_freed_memory()
    parsed = [
        fast.parse(_block(text), _FIELDS, Origin(f"{n}", "198.51.100.9")) for n, text in enumerate(texts)
    ]
    tables = [one.table for one in parsed if one is not None]
    with TemporaryDirectory() as folder:
        for name, (work, objects) in stages(packed, tables, Path(folder)).items():
            print(f"{name:35}{best(work, repeat) / objects:8.1f} ms an object")
    batch = pa.concat_tables(tables).unify_dictionaries()
    for name, change in layouts().items():
        size = written(batch, change) / batch.num_rows
        took = best(partial(written, batch, change), repeat) / _OBJECTS
        print(f"{name:35}{took:8.1f} ms an object{size:8.1f} bytes a line, {size / small:.2f} of it")


def main() -> None:
    """Generate the objects and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=20_000)
    options.add_argument("--repeat", type=int, default=7)
    given = options.parse_args()
    texts = [
        "".join(f"{line}\n" for line in object_lines(seed, given.lines)).encode() for seed in range(_OBJECTS)
    ]
    _report(texts, given.lines, given.repeat)


if __name__ == "__main__":
    main()
