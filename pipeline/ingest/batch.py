"""Objects on their way into the lake: small ones share a file, each one counts wholly or not at all."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ingest import grouped, parquet, partitions
from pipeline.ingest.allocator import give_back
from pipeline.ingest.arrow import Column
from pipeline.ingest.lean import lean
from pipeline.ingest.ledger import FileEntry, ObjectEntry
from pipeline.ingest.parsed import Parsed, Reject, rejects_table
from pipeline.ingest.partitions import Partition
from pipeline.ingest.shelf import Shelf
from pipeline.model import SYMBOL, TEXT

ROWS = 60_000
"""Rows of a batch: two of them, with their objects, take some 290 MB; compaction makes larger row groups."""

_ROW_BYTES = 32 << 20
"""Bytes of rows in memory, for lines of up to a mebibyte each; 60,000 usual ones take 21 MB."""
_REJECTS, _REJECT_BYTES = 20_000, 16 << 20
_GATEWAY_ERRORS = (502, 504)
_MICROS = pa.int64()


@dataclass
class _Buffer:
    tables: list[pa.Table] = field(default_factory=list)
    rows: int = 0
    locators: set[str] = field(default_factory=set)


class Batch:
    """Collects rows of one worker's objects and commits them together.

    Rows of an object larger than a batch are written before the object is complete; they count only
    from the commit on.
    """

    def __init__(self, lake: Shelf, *, is_lean: bool = False) -> None:
        """Start an empty batch for ``lake``; a lean one leaves columns of requests out, except of errors."""
        self._lake = lake
        self._is_lean = is_lean
        self._buffers: dict[tuple[str, Partition], _Buffer] = defaultdict(_Buffer)
        self._rejects: list[tuple[str, list[Reject]]] = []
        self._reject_locators: set[str] = set()
        self._reject_count = 0
        self._reject_bytes = 0
        self._rows = self._row_bytes = 0
        self._files: list[tuple[FileEntry, Sequence[str]]] = []
        self._objects: list[ObjectEntry] = []

    def add(self, locator: str, object_key: str, parsed: Parsed, name: str = "requests") -> None:
        """Take the rows of one stretch of an object, which belong to the table ``name``."""
        for table in parsed.tables:
            for partition, rows in partitions.split(table):
                buffer = self._buffers[name, partition]
                buffer.tables.append(rows)
                buffer.rows += rows.num_rows
                buffer.locators.add(locator)
                self._rows += rows.num_rows
                self._row_bytes += rows.nbytes
        if parsed.rejects:
            self._rejects.append((object_key, parsed.rejects))
            self._reject_locators.add(locator)
            self._reject_count += len(parsed.rejects)
            self._reject_bytes += sum(len(one.raw) for one in parsed.rejects)
        if self._rows >= ROWS or self._row_bytes >= _ROW_BYTES:
            self._write_rows()
        if self._reject_count >= _REJECTS or self._reject_bytes >= _REJECT_BYTES:
            self._write_rejects()

    def finish(self, entry: ObjectEntry) -> None:
        """The object is complete; commit when enough has come together."""
        self._objects.append(entry)
        if self._files or len(self._objects) >= ROWS // 10:
            self.commit()

    def commit(self) -> None:
        """Write what is left and enter it in the ledger.

        Raises:
            StoreError: the lake cannot be written.
        """
        self._write_rows()
        self._write_rejects()
        if self._objects:
            self._lake.commit(self._objects, self._files)
        self._objects, self._files = [], []

    def _write_rows(self) -> None:
        if not self._rows:
            return
        for (name, partition), buffer in self._buffers.items():
            self._write_partition(name, partition, buffer)
        self._buffers.clear()
        if self._row_bytes >= _ROW_BYTES:
            give_back()
        self._rows = self._row_bytes = 0

    def _write_partition(self, name: str, partition: Partition, buffer: _Buffer) -> None:
        table = pa.concat_tables(buffer.tables).unify_dictionaries()
        buffer.tables.clear()
        locators = sorted(buffer.locators)
        kept = lean(table) if self._is_lean and name == "requests" else table
        self._files.append((_entry(self._lake, name, partition, kept), locators))
        if name != "requests":
            return
        wanted = pa.array(
            _GATEWAY_ERRORS, pa.int16()
        )  # made when needed: it loads pandas, where that is there
        errors = table.filter(pc.is_in(table.column("elb_status_code"), wanted))
        if errors.num_rows:
            self._files.append((_entry(self._lake, "errors", partition, _compact(errors)), locators))

    def _write_rejects(self) -> None:
        if not self._rejects:
            return
        table = pa.concat_tables([rejects_table(key, rejects) for key, rejects in self._rejects])
        path = parquet.write(self._lake.root, "rejected_lines", table)
        entry = FileEntry("rejected_lines", path, rows=table.num_rows)
        self._files.append((grouped.sealed(self._lake.root, entry), sorted(self._reject_locators)))
        self._rejects, self._reject_count, self._reject_bytes = [], 0, 0
        self._reject_locators = set()


def _compact(table: pa.Table) -> pa.Table:
    """The same rows with dictionaries of their own: a few rows would carry those of the whole batch."""
    columns: list[Column] = [
        column.cast(TEXT).dictionary_encode() if column.type == SYMBOL else column for column in table.columns
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


def _entry(lake: Shelf, kind: str, partition: Partition, table: pa.Table) -> FileEntry:
    write = parquet.write_requests if kind in {"requests", "errors"} else parquet.write
    path = write(lake.root, f"{kind}/{partition.folder}", table)
    span = pc.min_max(table.column("time"))
    first, last = (span[end].cast(_MICROS).as_py() for end in ("min", "max"))
    entry = FileEntry(kind, path, partition.elb, first, last, table.num_rows)
    return grouped.sealed(lake.root, entry)


def now_us() -> int:
    """Now in µs since 1970, UTC."""
    return time.time_ns() // 1000
