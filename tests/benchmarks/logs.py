"""Generated objects for the benchmarks, named and compressed as the load balancer does it."""

import gzip
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path

from tests.support.alb_lines import START, object_key, object_lines

NODES = 4
"""Nodes of the load balancer; each writes an object every five minutes."""


def write_object(folder: Path, seed: int, lines: int, errors: float = 0.0005) -> tuple[int, int]:
    """Write one object of one load balancer node and five minutes; returns its raw and compressed size."""
    end = START + timedelta(minutes=5 * (seed // NODES + 1))
    entries = object_lines(seed, lines, start=end - timedelta(minutes=5), errors=errors)
    raw = "".join(f"{line}\n" for line in entries).encode()
    packed = gzip.compress(raw, 6)
    path = folder / object_key(seed, end)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed)
    return len(raw), len(packed)


def write_objects(folder: Path, lines: int, files: int) -> tuple[int, int]:
    """Write ``files`` objects with ``lines`` lines in all; returns their raw and compressed size."""
    share = lines // files
    with ProcessPoolExecutor() as pool:
        sizes = pool.map(write_object, [folder] * files, range(files), [share] * files)
        raw, packed = (sum(column) for column in zip(*sizes, strict=True))
    return raw, packed
