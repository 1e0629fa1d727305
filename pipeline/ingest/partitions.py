"""Rows to partitions: one per load balancer and hour of ``time``."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ingest.arrow import Encoded

_HOUR_US = 3_600_000_000
_MOST = 48
_ABSENT = -1
_UNSAFE = re.compile(r"[^A-Za-z0-9-]")


class Partition(NamedTuple):
    """A load balancer (its id) and an hour (since 1970); None stands for several."""

    elb: str | None
    hour: int | None

    @property
    def folder(self) -> str:
        """Folder below the table's own; a name out of a log line cannot leave it."""
        parts = (self.elb or "").split("/")
        name = _UNSAFE.sub("_", parts[1] if len(parts) > 1 else "")[:64] or "__several__"
        hour = "__several__" if self.hour is None else str(np.datetime64(self.hour, "h"))
        return f"elb={name}/hour={hour}"


def split(table: pa.Table) -> Iterator[tuple[Partition, pa.Table]]:
    """Cut a table by load balancer and hour.

    Rows of an object lie in one or two hours. Where a file mixes very many, hours are put together, then
    load balancers, so that a hostile file cannot make a file per row.
    """
    elb: Encoded = table.column("elb").unify_dictionaries().combine_chunks()
    times = table.column("time").cast(pa.int64()).to_numpy()
    first, last = int(times.min()) // _HOUR_US, int(times.max()) // _HOUR_US
    names = pc.unique(elb.indices).to_pylist()
    if first == last and len(names) == 1:
        yield Partition(_name(elb, names[0]), first), table
        return
    if len(names) > _MOST:
        yield Partition(None, None), table
        return
    for name in names:
        rows = np.asarray(elb.indices.fill_null(_ABSENT)) == (_ABSENT if name is None else name)
        yield from _hours(_name(elb, name), table.filter(pa.array(rows)), times[rows] // _HOUR_US)


def _name(elb: Encoded, place: int | None) -> str | None:
    """The load balancer; None where lines and key do not tell."""
    return None if place is None else elb.dictionary[place].as_py()


def _hours(
    elb: str | None, table: pa.Table, hours: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Iterator[tuple[Partition, pa.Table]]:
    distinct = np.sort(pc.unique(pa.array(hours)).to_numpy())  # numpy's own loads a package for masks
    if len(distinct) == 1:
        yield Partition(elb, int(distinct[0])), table
    elif len(distinct) > _MOST:
        yield Partition(elb, None), table
    else:
        for hour in distinct:
            yield Partition(elb, int(hour)), table.filter(pa.array(hours == hour))
