"""What the columns of `requests` take in Parquet, and what other layouts would. Prints, asserts nothing.

    python -m tests.benchmarks.ingest_layouts --lines 20000 --repeat 5
    python -m tests.benchmarks.ingest_layouts --best

The rows of one file; milliseconds of processor time an object, the best of the repeats.
"""

import argparse
import gzip
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.ingest import parquet
from pipeline.ingest.allocator import keep_freed_memory
from pipeline.ingest.arrow import Column
from pipeline.ingest.lean import UNREAD, lean
from tests.benchmarks.ingest_stages import OBJECTS, best, object_texts, parsed

Options: TypeAlias = dict[str, Any]
_LAYOUT: Options = parquet.REQUESTS_LAYOUT
_ENCODINGS: dict[str, str] = _LAYOUT["column_encoding"]
_NUMBERS = ("client_port", "received_bytes", "sent_bytes")
_CONNECTION = ("client_ip", "conn_trace_id", "user_agent")
_SMALLEST_SHOWN = 0.2  # bytes a line
_CODECS = (("zstd", 1), ("zstd", 9), ("zstd", 19), ("gzip", 9), ("brotli", 6), ("brotli", 9))
_OF_TEXT = ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")
_OF_NUMBERS = ("PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT")
_QUERY = re.compile(rb"\?[^ ]*")


def layouts(rows: pa.Table) -> Iterator[tuple[str, pa.Table, Options]]:
    """Other ways of writing: a name, the rows and the changes of the options."""
    yield "as used", rows, {}
    yield "zstd level 3", rows, {"compression_level": 3}
    yield "lz4", rows, {"compression": "lz4", "compression_level": None}
    yield "brotli level 4 for request_url", rows, _one_codec(rows, "request_url", "brotli", 4)
    yield "numbers whole", rows, _encoded({}, *_NUMBERS)
    yield "numbers as byte streams", rows, _encoded(dict.fromkeys(_NUMBERS, "BYTE_STREAM_SPLIT"))
    yield "trace_id whole", rows, _encoded({}, "trace_id")
    yield "request_url by common prefix", rows, _encoded({"request_url": "DELTA_BYTE_ARRAY"})
    yield "request_url, lengths apart", rows, _encoded({"request_url": "DELTA_LENGTH_BYTE_ARRAY"})
    yield "statistics of all columns", rows, {"write_statistics": True}
    yield "steps and pages as Arrow's", rows, {"write_batch_size": None, "max_rows_per_page": None}
    yield "request_creation_time in ms", _in_milliseconds(rows), {}
    yield "sorted by connection", _sorted(rows, "conn_trace_id"), {}
    symbols = [name for name in _LAYOUT["use_dictionary"] if name not in _CONNECTION]
    plain = {**_encoded({}, "client_port"), "use_dictionary": symbols}
    yield "the same, connections plain", _sorted(rows, "conn_trace_id"), plain
    by_prefix = _encoded({"request_url": "DELTA_BYTE_ARRAY"})
    yield "sorted by URL, common prefix", _sorted(rows, "request_url"), by_prefix
    yield "lean", lean(rows), {}


def _encoded(change: dict[str, str], *dropped: str) -> Options:
    kept = {name: kind for name, kind in _ENCODINGS.items() if name not in dropped}
    return {"column_encoding": {**kept, **change}}


def _one_codec(rows: pa.Table, column: str, codec: str, level: int) -> Options:
    others = dict.fromkeys(rows.schema.names, _LAYOUT["compression"])
    levels = dict.fromkeys(rows.schema.names, _LAYOUT["compression_level"])
    return {
        "compression": {**others, column: codec, "extra_fields.list.element": _LAYOUT["compression"]},
        "compression_level": {**levels, column: level, "extra_fields.list.element": 1},
    }


def _in_milliseconds(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("request_creation_time")
    column: Any = rows.column(place).cast(pa.timestamp("ms", "UTC"))
    return rows.set_column(place, "request_creation_time", column)


def _sorted(rows: pa.Table, name: str) -> pa.Table:
    whole = rows.combine_chunks()
    column: Any = whole.column(name).combine_chunks()
    is_symbol = pa.types.is_dictionary(column.type)
    order: Any = np.argsort(column.indices, kind="stable") if is_symbol else pc.sort_indices(column)
    return whole.take(order)


def written(rows: pa.Table, change: Options) -> pa.Buffer:
    """The file."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, **{**_LAYOUT, **change})
    return sink.getvalue()


def print_columns(rows: pa.Table) -> None:
    """The largest columns."""
    metadata = pq.read_metadata(pa.BufferReader(written(rows, {})))
    sizes: dict[str, float] = {}
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            name = column.path_in_schema
            sizes[name] = sizes.get(name, 0.0) + column.total_compressed_size / rows.num_rows
    largest = sorted(sizes.items(), key=lambda item: -item[1])
    for name, size in largest:
        if size >= _SMALLEST_SHOWN:
            print(f"{name:32}{size:8.1f} bytes a line")
    rest = sum(size for _, size in largest if size < _SMALLEST_SHOWN)
    print(f"{'all others':32}{rest:8.1f} bytes a line")


def _bytes(column: Column, name: str, change: Options) -> int:
    """What the column takes when it is alone, at the most a hundred bytes of frame apart."""
    sink = pa.BufferOutputStream()
    steps = {name_: _LAYOUT[name_] for name_ in ("write_batch_size", "max_rows_per_page")}
    pq.write_table(pa.table({name: column}), sink, write_statistics=False, **{**steps, **change})
    metadata = pq.read_metadata(pa.BufferReader(sink.getvalue()))
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return sum(group.column(0).total_compressed_size for group in groups)


def _ways(column: Column, name: str) -> Iterator[tuple[str, Column, Options]]:
    """A column as a dictionary, and with every encoding that its type allows."""
    if pa.types.is_nested(column.type):
        yield "dictionary", column, {}
        return
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    large: Options = {"dictionary_pagesize_limit": 1 << 30}
    yield "dictionary", plain.dictionary_encode() if pa.types.is_string(plain.type) else plain, large
    encodings = _OF_TEXT if pa.types.is_string(plain.type) else _OF_NUMBERS
    for encoding in encodings[:: 2 if pa.types.is_floating(plain.type) else 1]:
        yield encoding, plain, {"use_dictionary": False, "column_encoding": {name: encoding}}


def print_best(rows: pa.Table, packed: int) -> None:
    """The fewest bytes of each column with any encoding and codec, however long that takes."""
    total = without = 0
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        size, how = min(
            (
                _bytes(values, name, {**change, "compression": codec, "compression_level": level}),
                f"{encoding}, {codec} {level}",
            )
            for encoding, values, change in _ways(column, name)
            for codec, level in _CODECS
        )
        total += size
        without += 0 if name in UNREAD else size
        if size >= _SMALLEST_SHOWN * rows.num_rows:
            print(f"{name:32}{size / rows.num_rows:8.1f} bytes a line  {how}")
    for what, size in (("best of every column", total), ("the same, lean", without)):
        print(f"{what:32}{size / rows.num_rows:8.1f} bytes a line, {size / packed:.2f} of gz")


def print_without_queries(texts: list[bytes]) -> None:
    """The same lines where URLs end before the question mark: what the random part of the URLs does."""
    shorter = [_QUERY.sub(b"", text) for text in texts]
    packed = sum(len(gzip.compress(text, 6)) for text in shorter)
    rows = pa.concat_tables(parsed(shorter)).unify_dictionaries()
    size = written(rows, {}).size
    print(
        f"without query strings: gz {packed / rows.num_rows:.1f} bytes a line, "
        f"Parquet {size / rows.num_rows:.1f}, {size / packed:.2f} of it"
    )


def main() -> None:
    """Generate the objects and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=20_000)
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--best", action="store_true", help="only: every encoding and codec, minutes")
    given = options.parse_args()
    keep_freed_memory()
    texts = object_texts(given.lines)
    packed = sum(len(gzip.compress(text, 6)) for text in texts)
    rows = pa.concat_tables(parsed(texts)).unify_dictionaries()
    print(f"{rows.num_rows:,} rows of {OBJECTS} objects; gz {packed / rows.num_rows:.1f} bytes a line")
    if given.best:
        print_best(rows, packed)
        return
    print_columns(rows)
    for name, changed, change in layouts(rows):
        size = written(changed, change).size
        work: Callable[[], object] = partial(written, changed, change)
        print(
            f"{name:32}{best(work, given.repeat) / OBJECTS:8.1f} ms an object"
            f"{size / rows.num_rows:8.1f} bytes a line, {size / packed:.2f} of it"
        )
    print_without_queries(texts)


if __name__ == "__main__":
    main()
