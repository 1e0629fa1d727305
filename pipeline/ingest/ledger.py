"""The ledger: which objects are in the lake, and which Parquet files hold their rows.

A file is part of the lake when the ledger says so, and only then.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.ingest.ledger_schema import bring_up_to_date, refuse_newer

_WAIT_S = 30.0
_CANNOT_WRITE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
}


@dataclass(frozen=True)
class ObjectEntry:
    """One ingested object; ``locator`` (absolute path, S3 URI, content of standard input) is its identity."""

    locator: str
    object_key: str
    base_name: str
    etag: str
    content_hash: str
    size: int
    lines: int
    rows: int
    rejected: int
    problem: str | None
    parser_version: str
    ingested_at: int
    """µs since 1970, UTC."""
    kind: str = "access_log"
    layouts: Mapping[int, int] = field(default_factory=dict)
    """Rows by the number of fields of their line, where AWS does not document that number."""


@dataclass(frozen=True)
class FileEntry:
    """One Parquet file.

    Attributes:
        kind: requests, errors, connections, health_checks or rejected_lines.
        path: below the lake.
        elb: load balancer; None: several, or unknown.
        first_time: µs of the earliest row; None for rejected lines.
        last_time: µs of the latest row.
        rows: how many it holds; None in files from before this was recorded.
        size: bytes.
        crc32: checksum of its bytes.
    """

    kind: str
    path: str
    elb: str | None = None
    first_time: int | None = None
    last_time: int | None = None
    rows: int | None = None
    size: int | None = None
    crc32: int | None = None


_OBJECT_COLUMNS = [one.name for one in fields(ObjectEntry) if one.name != "layouts"]
_FILE_COLUMNS = [one.name for one in fields(FileEntry)]
FILE_COLUMNS = ", ".join(f"files.{name}" for name in _FILE_COLUMNS)
"""For queries whose rows become a FileEntry."""


@dataclass(frozen=True)
class RedactionRule:
    """How a store is redacted: the mode, and what tells its key from others (not the key)."""

    mode: str
    key_check: str | None = None


NewFiles = Iterable[tuple[FileEntry, Sequence[str]]]
"""Files, each with the locators of the objects in it."""


class Ledger:
    """SQLite in WAL mode: readers never wait for the writer. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open or create the ledger; a StoreError says why it cannot be."""
        self._path = path
        self._lock = threading.RLock()
        self._connection = self._connect(path)

    def _connect(self, path: Path) -> sqlite3.Connection:
        if path.is_symlink():
            raise StoreError(f"{path}: is a link; a ledger lies in its store, so that one lock guards it")
        uri = path.absolute().as_uri()
        try:
            return self._opened(f"{uri}?mode=rwc", prepare=True)
        except sqlite3.OperationalError as problem:
            if not path.is_file():
                raise StoreError(
                    f"{path}: cannot create the ledger: {problem}; is the folder writable?"
                ) from problem
            if problem.sqlite_errorcode & 0xFF not in _CANNOT_WRITE:
                raise StoreError(f"{path}: cannot open the ledger: {problem}") from problem
            return self._read_only(uri)
        except sqlite3.DatabaseError as problem:
            raise StoreError(f"{path}: is no ledger of this tool: {problem}") from problem

    def _read_only(self, uri: str) -> sqlite3.Connection:
        """A store on read-only or full media can still be read.

        What the log beside the ledger holds counts too: only without such a log may SQLite ignore it.
        """
        log = self._path.with_name(self._path.name + "-wal")
        modes = ["mode=ro"] if log.is_file() and log.stat().st_size else ["mode=ro", "immutable=1"]
        failure: sqlite3.Error | None = None
        for mode in modes:
            try:
                return self._opened(f"{uri}?{mode}", prepare=False)
            except sqlite3.Error as problem:
                failure = problem
        raise StoreError(
            f"{self._path}: cannot read the ledger: {failure}; is the store full or read-only?"
        ) from failure

    @staticmethod
    def _opened(uri: str, *, prepare: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=_WAIT_S, check_same_thread=False, isolation_level=None
        )
        try:
            connection.execute("pragma foreign_keys = on")
            refuse_newer(connection)
            if prepare:
                connection.execute("pragma journal_mode = wal")
                connection.execute("pragma synchronous = full")
                bring_up_to_date(connection)
            connection.execute("select 1 from objects limit 1").fetchone()
        except (sqlite3.Error, StoreError):
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a query."""
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as problem:
                raise StoreError(f"{self._path}: cannot read the ledger: {problem}") from problem

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All questions asked inside see one committed state; other threads wait."""
        with self._lock:
            self.ask("begin")
            try:
                yield
            finally:
                self.ask("rollback")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("begin immediate")
                yield self._connection
                self._connection.execute("commit")
            except sqlite3.Error as problem:
                raise StoreError(f"{self._path}: cannot write the ledger: {problem}") from problem
            finally:
                if self._connection.in_transaction:
                    with suppress(sqlite3.Error):  # a full disk has rolled it back already
                        self._connection.execute("rollback")

    def commit(
        self,
        objects: Sequence[ObjectEntry],
        files: NewFiles,
        retired: Sequence[str],
        now: int,
        expired: Mapping[str, tuple[int, int]] | None = None,
        forgotten: Sequence[str] = (),
    ) -> None:
        """Add objects and files and retire files, all or nothing.

        Args:
            objects: new objects; one with a known locator takes the place of the former.
            files: new files, each with the locators of the objects in it.
            retired: paths of files that leave the lake.
            now: µs since 1970, UTC.
            expired: rows and rejected lines that leave the lake for their age, by object key.
            forgotten: locators of objects that are to be read again.

        Raises:
            StoreError: the ledger cannot be written; nothing has changed.
        """
        with self._transaction() as connection:
            _retire(connection, retired, now)
            connection.executemany("delete from objects where locator = ?", [(one,) for one in forgotten])
            for entry in objects:
                _add_object(connection, entry)
            for file, locators in files:
                _add_file(connection, file, locators)
            connection.executemany(
                "update objects set expired_rows = expired_rows + ?,"
                " expired_rejected = expired_rejected + ? where object_key = ?",
                [(*counts, key) for key, counts in (expired or {}).items()],
            )

    def touch(self, locator: str, etag: str) -> None:
        """Note a new ETag of an object whose content is the same."""
        with self._transaction() as connection:
            connection.execute("update objects set etag = ? where locator = ?", (etag, locator))

    @property
    def redaction_rule(self) -> RedactionRule | None:
        """How the store is redacted; None: not at all, or it is empty and nobody has said."""
        if not self.ask("select 1 from sqlite_master where name = 'redaction'"):
            return None  # only a store that is redacted has the table
        found = self.ask("select mode, key_check from redaction")
        return None if not found else RedactionRule(str(found[0][0]), _text(found[0][1]))

    def set_redaction(self, rule: RedactionRule) -> None:
        """Note how the store is redacted from its first line on."""
        with self._transaction() as connection:
            connection.execute(
                "create table if not exists redaction"
                " (id integer primary key check (id = 1), mode text not null, key_check text)"
            )
            connection.execute(
                "insert or replace into redaction values (1, ?, ?)", (rule.mode, rule.key_check)
            )

    def field_layouts(self) -> list[tuple[object, ...]]:
        """Rows of the table `field_layouts`, first seen first."""
        return self.ask(
            "select kind, fields, object_key, ingested_at, objects, all_rows from ("
            " select kind, fields, object_key, ingested_at, count(*) over layout as objects,"
            "  sum(object_layouts.rows) over layout as all_rows,"
            "  row_number() over (layout order by ingested_at, object_key) as place"
            " from object_layouts join objects on object_id = id"
            " window layout as (partition by kind, fields))"
            " where place = 1 order by ingested_at, kind, fields"
        )

    def retired(self, before: int) -> list[str]:
        """Paths of files that were retired before ``before`` (µs)."""
        found = self.ask("select path from retired_files where retired_at < ?", (before,))
        return [str(path) for (path,) in found]

    def forget_retired(self, paths: Sequence[str]) -> None:
        """Retired files are gone from the disk."""
        if paths:
            with self._transaction() as connection:
                connection.executemany("delete from retired_files where path = ?", [(p,) for p in paths])


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _retire(connection: sqlite3.Connection, paths: Sequence[str], now: int) -> None:
    connection.executemany("delete from files where path = ?", [(path,) for path in paths])
    connection.executemany(
        "insert or replace into retired_files values (?, ?)", [(path, now) for path in paths]
    )


def _add_object(connection: sqlite3.Connection, entry: ObjectEntry) -> None:
    connection.execute("delete from objects where locator = ?", (entry.locator,))
    values = [getattr(entry, name) for name in _OBJECT_COLUMNS]
    added = connection.execute(_insert("objects", _OBJECT_COLUMNS), values)
    connection.executemany(
        "insert into object_layouts values (?, ?, ?)",
        [(added.lastrowid, fields, rows) for fields, rows in entry.layouts.items()],
    )


def _add_file(connection: sqlite3.Connection, file: FileEntry, locators: Sequence[str]) -> None:
    added = connection.execute(_insert("files", _FILE_COLUMNS), astuple(file))
    connection.executemany(
        "insert into file_objects select ?, id from objects where locator = ?",
        [(added.lastrowid, locator) for locator in locators],
    )


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"  # noqa: S608 - own names


def file_entry(row: Sequence[object]) -> FileEntry:
    """A row of FILE_COLUMNS."""
    kind, path, elb, *numbers = row
    name = None if elb is None else str(elb)
    return FileEntry(str(kind), str(path), name, *(n if isinstance(n, int) else None for n in numbers))
