"""The lake: Parquet files below one folder, and the ledger that says which of them count."""

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from pipeline.errors import StoreError, UsageError
from pipeline.ingest import grouped, keys, replace
from pipeline.ingest.ledger import FileEntry, Ledger, ObjectEntry, RedactionRule
from pipeline.ingest.lock import WriterLock
from pipeline.ingest.parquet import UNFINISHED
from pipeline.ingest.stored import STORED
from pipeline.model import COVERAGE, EVENTS, FIELD_LAYOUTS, METRICS, OBJECTS, SETTINGS, Table, Window
from pipeline.redaction import Redaction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_GRACE_US = 3_600_000_000
"""A retired file stays this long for readers that hold an older list."""
_TIMELINE = ("timeline", *(table.name for table in (EVENTS, COVERAGE, SETTINGS, METRICS)))
"""Folders of the timeline's part of a store."""
_PATIENCE_S = 10.0
"""A writer waits this long for another one; cleaning up after a crash takes less."""


class Lake:
    """A store of ingested logs. Many readers and one writer at a time; use it as a context manager.

    Files: ``requests/elb=NAME/hour=YYYY-MM-DDTHH/*.parquet``, ``errors/…`` (only 502 and 504, same
    schema), ``connections/…`` and ``health_checks/…`` alike, ``rejected_lines/*.parquet``,
    ``ledger.sqlite``. Readers take their file lists from here, never from a glob.
    """

    def __init__(self, root: Path, ledger: Ledger, rows_at: str | None) -> None:
        """Use :meth:`open`."""
        self.root = root
        self.rows_at = rows_at
        """URI below which the files lie that the ledger names; None: they lie beside it."""
        self.ledger = ledger
        self.redaction: Redaction | None = None
        """How rows are redacted before they are written here; :meth:`redact` sets it."""
        self._lock = WriterLock(root / "lock")
        self._committing = threading.Lock()
        self._is_writer = False
        self._durable: set[Path] = set()

    @classmethod
    def open(cls, store: Path, rows_at: str | None = None) -> Self:
        """Open a store; what a crash left behind is removed. A new one is for its owner's eyes only.

        Args:
            store: folder of the ledger.
            rows_at: as the attribute; for a store of one run that other machines fill.

        Raises:
            StoreError: the folder cannot be used.
        """
        try:
            store.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreError(f"{store}: cannot be used as a store: {problem.strerror}") from problem
        lake = cls(store, Ledger(store / "ledger.sqlite"), rows_at)
        lake._recover()
        return lake

    def __enter__(self) -> Self:
        """The lake itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the ledger."""
        self.ledger.close()

    @property
    def redaction_rule(self) -> RedactionRule | None:
        """How the store is redacted, for good; None: not at all, or it is empty and nobody has said."""
        return self.ledger.redaction_rule

    def redact(self, wanted: Redaction | None) -> None:
        """Redact in this way what comes in from now on; None: not at all. The store keeps to its first way.

        Raises:
            UsageError: the store holds what came in in another way.
            StoreError: another process goes on writing, or the store cannot be written.
        """
        rule = _rule(wanted)
        if rule != self.redaction_rule:
            with self._lock.held(_PATIENCE_S) as held:  # who writes now has begun in the former way
                if not held:
                    raise self._busy()
                if rule is None or not self._is_empty:
                    raise UsageError(f"{self.root}: {_difference(self.redaction_rule, rule)}")
                self.ledger.set_redaction(rule)
        self.redaction = wanted

    @property
    def _is_empty(self) -> bool:
        has_timeline = any((self.root / name).exists() for name in _TIMELINE)
        return not has_timeline and not self.ledger.ask("select 1 from objects limit 1")

    def refuse_mixture(self) -> None:
        """Stop before rows come in that are redacted in another way than the store; only as the writer.

        Raises:
            StoreError: :meth:`redact` was not called, or another process called it in another way.
        """
        if self.redaction_rule != _rule(self.redaction):
            raise StoreError(f"{self.root}: the store is redacted in another way; nothing was changed")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything asked inside belongs to one committed state, whatever writers do meanwhile."""
        with self.ledger.snapshot():
            yield

    def request_files(self, window: Window, load_balancer: str | None = None) -> list[str]:
        """Files that can hold rows of the window (by their first and last ``time``) and the load balancer.

        Rows outside the window may be among them. ``load_balancer`` is a name, ``app/name/id`` or an ARN.
        """
        return self._timed("requests", window, load_balancer)

    def error_files(self, window: Window, load_balancer: str | None = None) -> list[str]:
        """The same for the files with only the rows of 502 and 504."""
        return self._timed("errors", window, load_balancer)

    def connection_files(self, window: Window, load_balancer: str | None = None) -> list[str]:
        """The same for the table `connections`."""
        return self._timed("connections", window, load_balancer)

    def health_check_files(self, window: Window, load_balancer: str | None = None) -> list[str]:
        """The same for the table `health_checks`."""
        return self._timed("health_checks", window, load_balancer)

    def rejected_files(self) -> list[str]:
        """Files of the table `rejected_lines`."""
        found = self.ledger.ask("select path from files where kind = 'rejected_lines' order by path")
        return [f"{self._above}/{path}" for (path,) in found]

    def objects(self) -> pa.Table:
        """The table `objects`, by key."""
        names = ", ".join(OBJECTS.schema.names)
        return _table(self.ledger.ask(f"select {names} from objects order by object_key"), OBJECTS)  # noqa: S608 - own names

    def field_layouts(self) -> pa.Table:
        """The table `field_layouts`: numbers of fields that AWS does not document, first seen first."""
        return _table(self.ledger.field_layouts(), FIELD_LAYOUTS)

    def objects_around(self, window: Window) -> list[tuple[str, str, str]]:
        """Key, hash and parser of every object with rows in the files of a window, sorted.

        Give whole hours: then it is the same before and after compaction.
        """
        found = self.ledger.ask(
            "select distinct object_key, content_hash, parser_version from files"
            " join file_objects on file_id = files.id join objects on object_id = objects.id"
            " where (? is null or last_time >= ?) and (? is null or first_time < ?)"
            " order by object_key, content_hash",
            ((*(_micros(window.since),) * 2, *(_micros(window.until),) * 2)),
        )
        return [(str(key), str(content), str(parser)) for key, content, parser in found]

    def span(self) -> tuple[datetime, datetime] | None:
        """Earliest and latest ``time`` of all rows, UTC; None for an empty lake."""
        ((first, last),) = self.ledger.ask(
            "select min(first_time), max(last_time) from files where kind = 'requests'"
        )
        if not isinstance(first, int) or not isinstance(last, int):
            return None
        return _EPOCH + first * _MICROSECOND, _EPOCH + last * _MICROSECOND

    def _timed(self, kind: str, window: Window, load_balancer: str | None) -> list[str]:
        found = self.ledger.ask(
            "select path, elb from files where kind = ?"
            " and (? is null or last_time >= ?) and (? is null or first_time < ?) order by first_time, path",
            (kind, *(_micros(window.since),) * 2, *(_micros(window.until),) * 2),
        )
        return [
            f"{self._above}/{path}"
            for path, elb in found
            if load_balancer is None or elb is None or keys.load_balancer_matches(load_balancer, str(elb))
        ]

    @property
    def _above(self) -> str:
        """What the paths of files start with."""
        return self.rows_at or str(self.root)

    def etag(self, locator: str) -> str | None:
        """ETag of an ingested object; None when it is not in the lake."""
        found = self.ledger.ask("select etag from objects where locator = ?", (locator,))
        return str(found[0][0]) if found else None

    def has_content(self, locator: str, content_hash: str) -> bool:
        """Is this very object in the lake with this content?"""
        return bool(
            self.ledger.ask(
                "select 1 from objects where locator = ? and content_hash = ?", (locator, content_hash)
            )
        )

    def has_copy(self, base_name: str, content_hash: str, locator: str) -> bool:
        """Is the same content in the lake under the same base name, from elsewhere?"""
        return bool(
            self.ledger.ask(
                "select 1 from objects where base_name = ? and content_hash = ? and locator <> ?",
                (base_name, content_hash, locator),
            )
        )

    def contents(self, base_name: str) -> list[tuple[str, str]]:
        """Locator and content hash of every object in the lake under this base name."""
        found = self.ledger.ask("select locator, content_hash from objects where base_name = ?", (base_name,))
        return [(str(locator), str(content)) for locator, content in found]

    def touch(self, locator: str, etag: str) -> None:
        """Note a new ETag of an object whose content is the same."""
        self.ledger.touch(locator, etag)

    def free_key(self, object_key: str, locator: str) -> str:
        """The object's key, or its locator where another source has that key: ids of rows rest on it."""
        taken = self.ledger.ask(
            "select 1 from objects where object_key = ? and locator <> ?", (object_key, locator)
        )
        return locator if taken else object_key

    def commit(
        self,
        objects: Sequence[ObjectEntry],
        files: Sequence[tuple[FileEntry, Sequence[str]]],
    ) -> None:
        """Make objects and their files part of the lake at once; former rows of the objects leave it."""
        with self._committing:
            rest, retired = replace.without(self.root, self.ledger, [entry.locator for entry in objects])
            self._commit(objects, [*files, *rest], retired)

    def exchange(
        self,
        retired: Sequence[str],
        files: Sequence[tuple[FileEntry, Sequence[str]]],
        expired: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """Put files in the place of others at once; ``expired`` counts rows and rejects that leave by key."""
        with self._committing:
            self._commit([], files, retired, expired)

    def _commit(
        self,
        objects: Sequence[ObjectEntry],
        files: Sequence[tuple[FileEntry, Sequence[str]]],
        retired: Sequence[str],
        expired: Mapping[str, tuple[int, int]] | None = None,
        forgotten: Sequence[str] = (),
    ) -> None:
        if not self._is_writer:
            raise StoreError(f"{self.root}: not open for writing any more; nothing was changed")
        if self.rows_at is None:
            self._make_durable(file.path for file, _ in files)
        self.ledger.commit(objects, files, retired, time.time_ns() // 1000, expired, forgotten)

    def _make_durable(self, paths: Iterable[str]) -> None:
        """The folders above new files must survive a loss of power before the ledger names the files."""
        above = {parent for path in paths for parent in (self.root / path).parent.parents}
        fresh = {parent for parent in above if parent.is_relative_to(self.root)} - self._durable
        for folder in sorted(fresh, reverse=True):
            grouped.sync(folder)
        self._durable |= fresh

    def forget(self, locators: Sequence[str]) -> None:
        """Take objects and their rows out of the lake, as if they had never been read."""
        with self._committing:
            rest, retired = replace.without(self.root, self.ledger, locators)
            self._commit([], rest, retired, forgotten=locators)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for writing.

        Raises:
            StoreError: another process goes on writing, or the store cannot be written.
        """
        with self._lock.held(_PATIENCE_S) as held:
            if not held:
                raise self._busy()
            self._lock.mark()
            self.clean()
            self._is_writer = True
            try:
                yield
            finally:
                with self._committing:
                    self._is_writer = False
                with contextlib.suppress(StoreError):  # else the next one to open the store cleans up
                    self.clean()
                    self._lock.clear()

    def _busy(self) -> StoreError:
        return StoreError(
            f"{self.root}: another process is writing to this store (process "
            f"{self._lock.writer}); wait for it to finish"
        )

    def _recover(self) -> None:
        """Clean up after a writer that did not come to its end."""
        if self._lock.writer is None:
            return
        with contextlib.suppress(StoreError), self._lock.held(0) as held:  # read-only: left as it is
            if held:
                self.clean()
                self._lock.clear()

    def clean(self) -> None:
        """Remove files that the ledger does not know, and retired ones after their time; only as the writer.

        Raises:
            StoreError: the ledger cannot be written.
        """
        expired = self.ledger.retired(time.time_ns() // 1000 - _GRACE_US)
        known = self.known_files() - set(expired)
        for path in [*self.present_files()]:
            if path not in known and path.endswith((".parquet", UNFINISHED)):
                with contextlib.suppress(OSError):
                    (self.root / path).unlink()
        self.ledger.forget_retired([path for path in expired if not (self.root / path).exists()])
        self._remove_empty_folders()

    def known_files(self) -> set[str]:
        """Paths that the ledger names: of the lake's files and of retired ones."""
        found = self.ledger.ask("select path from files union select path from retired_files")
        return {str(path) for (path,) in found}

    def present_files(self) -> Iterator[str]:
        """Paths, below the store, of all files in the lake's folders."""
        for folder in STORED:
            for place, _, names in os.walk(self.root / folder):
                relative = Path(place).relative_to(self.root)
                yield from (str(relative / name) for name in names)

    @property
    def has_writer(self) -> bool:
        """Is a process, perhaps this one, writing?"""
        try:
            with self._lock.held(0) as held:
                return not held
        except StoreError:
            return False

    def _remove_empty_folders(self) -> None:
        self._durable.clear()
        for folder in STORED:
            for place, _, _ in os.walk(self.root / folder, topdown=False):
                with contextlib.suppress(OSError):  # not empty
                    Path(place).rmdir()


def _rule(redaction: Redaction | None) -> RedactionRule | None:
    return None if redaction is None else RedactionRule(redaction.mode, redaction.key_check)


def _difference(agreed: RedactionRule | None, wanted: RedactionRule | None) -> str:
    """Why one store cannot be filled in two ways."""
    way_out = "give a new --store, or leave --redact and FORENSICS_REDACT out"
    if agreed is None or wanted is None or agreed.mode != wanted.mode:
        is_so = f"is redacted with --redact {agreed.mode}" if agreed else "holds what is not redacted"
        other = f"--redact {wanted.mode}" if wanted else "what is not redacted"
        return f"{is_so}, and {other} would mix the two; {way_out}"
    return (
        "is redacted with another key, and one client would become two; give that key "
        "(FORENSICS_REDACT_KEY or FORENSICS_REDACT_KEY_FILE), or a new --store"
    )


def _table(rows: Sequence[tuple[object, ...]], table: Table) -> pa.Table:
    names = table.schema.names
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table(dict(zip(names, map(list, columns), strict=True)), schema=table.schema)


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND
