"""What each stage of an ingest costs. Prints, asserts nothing.

    python -m tests.benchmarks.ingest_stages --lines 20000 --repeat 7

One thread; milliseconds of processor time for one object, the best of the repeats.
"""

import argparse
import gzip
import hashlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from pipeline.ingest import fast, parquet, splits
from pipeline.ingest.allocator import keep_freed_memory
from pipeline.ingest.blocks import Block
from pipeline.ingest.inflate import pieces
from pipeline.ingest.parsed import Origin
from tests.support.alb_lines import object_lines

OBJECTS = 3
"""As many share a file."""
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


def object_texts(lines: int) -> list[bytes]:
    """Objects as many as share a file, inflated."""
    return ["".join(f"{line}\n" for line in object_lines(seed, lines)).encode() for seed in range(OBJECTS)]


def parsed(texts: list[bytes]) -> list[pa.Table]:
    """Their rows."""
    rows = [fast.parse(_block(text), _FIELDS, Origin(f"{n}", "198.51.100.9")) for n, text in enumerate(texts)]
    return [one.table for one in rows if one is not None]


def stages(packed: bytes, tables: list[pa.Table], folder: Path) -> dict[str, tuple[Work, int]]:
    """Each stage with the number of objects that one call of it handles; indented ones lie within others."""
    raw = b"".join(pieces(io.BytesIO(packed)))
    read = fast._read(_block(raw), _FIELDS, [])
    requests = read["request"].combine_chunks()
    batch = pa.concat_tables(tables).unify_dictionaries()
    return {
        "hash": (lambda: hashlib.sha256(packed).digest(), 1),
        "inflate": (lambda: list(pieces(io.BytesIO(packed))), 1),
        "parse": (lambda: fast.parse(_block(raw), _FIELDS, Origin("key", "198.51.100.9")), 1),
        "  count and look": (lambda: _block(raw).is_plain(), 1),
        "  Arrow's CSV reader": (lambda: fast._read(_block(raw), _FIELDS, []), 1),
        "  join and encode": (lambda: fast._join({**read}), 1),
        "  split request lines": (lambda: splits.requests(requests), 1),
        "put together": (lambda: pa.concat_tables(tables).unify_dictionaries(), OBJECTS),
        "write Parquet": (lambda: parquet.write_requests(folder, "requests", batch), OBJECTS),
    }


def _block(raw: bytes) -> Block:
    return Block(raw, 0, len(raw), 1)


def main() -> None:
    """Generate the objects and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=20_000)
    options.add_argument("--repeat", type=int, default=7)
    given = options.parse_args()
    texts = object_texts(given.lines)
    packed = gzip.compress(texts[0], 6)
    raw, small = (len(text) / given.lines for text in (texts[0], packed))
    print(f"{given.lines:,} lines an object, {raw:.0f} raw, {small:.1f} compressed bytes a line")
    keep_freed_memory()
    with TemporaryDirectory() as folder:
        for name, (work, objects) in stages(packed, parsed(texts), Path(folder)).items():
            print(f"{name:30}{best(work, given.repeat) / objects:8.1f} ms an object")


if __name__ == "__main__":
    main()
