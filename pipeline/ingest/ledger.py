"""The ledger: which objects are in the lake, and which Parquet files hold their rows.

A file is part of the lake when the ledger says so, and only then.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import StoreError

_SCHEMA = """
create table if not exists objects (
    id integer primary key,
    locator text not null unique,
    object_key text not null,
    base_name text not null,
    etag text not null,
    content_hash text not null,
    size integer not null,
    lines integer not null,
    rows integer not null,
    rejected integer not null,
    problem text,
    parser_version text not null,
    ingested_at integer not null
);
create index if not exists objects_by_name on objects (base_name);
create index if not exists objects_by_key on objects (object_key);
create table if not exists files (
    id integer primary key,
    kind text not null,
    path text not null unique,
    elb text,
    first_time integer,
    last_time integer
);
create table if not exists file_objects (
    file_id integer not null references files (id) on delete cascade,
    object_id integer not null references objects (id) on delete cascade,
    primary key (file_id, object_id)
);
create index if not exists file_objects_by_object on file_objects (object_id);
create table if not exists retired_files (path text primary key, retired_at integer not null);
"""


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


@dataclass(frozen=True)
class FileEntry:
    """One Parquet file: path below the lake, load balancer (None: several), µs of its first and last row."""

    kind: str
    path: str
    elb: str | None = None
    first_time: int | None = None
    last_time: int | None = None


class Ledger:
    """SQLite in WAL mode: readers never wait for the writer. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open or create the ledger; a StoreError says why it cannot be."""
        self._path = path
        self._lock = threading.Lock()
        self._connection = self._connect(path)

    def _connect(self, path: Path) -> sqlite3.Connection:
        try:
            return self._opened(f"{path.absolute().as_uri()}?mode=rwc", prepare=True)
        except sqlite3.OperationalError as problem:
            if not path.is_file():
                raise StoreError(
                    f"{path}: cannot create the ledger: {problem}; is the folder writable?"
                ) from problem
        except sqlite3.DatabaseError as problem:
            raise StoreError(f"{path}: is no ledger of this tool: {problem}") from problem
        try:  # a store on read-only media can still be read
            return self._opened(f"{path.absolute().as_uri()}?immutable=1", prepare=False)
        except sqlite3.Error as problem:
            raise StoreError(f"{path}: cannot read the ledger: {problem}") from problem

    @staticmethod
    def _opened(uri: str, *, prepare: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=30, check_same_thread=False, isolation_level=None)
        try:
            connection.execute("pragma foreign_keys = on")
            if prepare:
                connection.execute("pragma journal_mode = wal")
                connection.executescript(_SCHEMA)
            connection.execute("select 1 from objects limit 1").fetchone()
        except sqlite3.Error:
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

    def commit(
        self,
        objects: Sequence[ObjectEntry],
        files: Iterable[tuple[FileEntry, Sequence[str]]],
        retired: Sequence[str],
        now: int,
    ) -> None:
        """Add objects and files and retire files, all or nothing.

        Args:
            objects: new objects; one with a known locator takes the place of the former.
            files: new files, each with the locators of the objects in it.
            retired: paths of files that new ones replace.
            now: µs since 1970, UTC.

        Raises:
            StoreError: the ledger cannot be written; nothing has changed.
        """
        with self._lock:
            try:
                self._connection.execute("begin immediate")
                try:
                    self._retire(retired, now)
                    for entry in objects:
                        self._add_object(entry)
                    for file, locators in files:
                        self._add_file(file, locators)
                except BaseException:
                    self._connection.execute("rollback")
                    raise
                self._connection.execute("commit")
            except sqlite3.Error as problem:
                raise StoreError(f"{self._path}: cannot write the ledger: {problem}") from problem

    def _retire(self, paths: Sequence[str], now: int) -> None:
        self._connection.executemany("delete from files where path = ?", [(path,) for path in paths])
        self._connection.executemany(
            "insert or replace into retired_files values (?, ?)", [(path, now) for path in paths]
        )

    def _add_object(self, entry: ObjectEntry) -> None:
        self._connection.execute("delete from objects where locator = ?", (entry.locator,))
        self._connection.execute(
            "insert into objects (locator, object_key, base_name, etag, content_hash, size, lines, rows,"
            " rejected, problem, parser_version, ingested_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(
                    entry.locator,
                    entry.object_key,
                    entry.base_name,
                    entry.etag,
                    entry.content_hash,
                    entry.size,
                ),
                *(
                    entry.lines,
                    entry.rows,
                    entry.rejected,
                    entry.problem,
                    entry.parser_version,
                    entry.ingested_at,
                ),
            ),
        )

    def _add_file(self, file: FileEntry, locators: Sequence[str]) -> None:
        added = self._connection.execute(
            "insert into files (kind, path, elb, first_time, last_time) values (?, ?, ?, ?, ?)",
            (file.kind, file.path, file.elb, file.first_time, file.last_time),
        )
        self._connection.executemany(
            "insert into file_objects select ?, id from objects where locator = ?",
            [(added.lastrowid, locator) for locator in locators],
        )

    def touch(self, locator: str, etag: str) -> None:
        """Note a new ETag of an object whose content is the same."""
        with self._lock:
            try:
                self._connection.execute("update objects set etag = ? where locator = ?", (etag, locator))
            except sqlite3.Error as problem:
                raise StoreError(f"{self._path}: cannot write the ledger: {problem}") from problem

    def forget_retired(self, before: int) -> list[str]:
        """Paths of files that were retired before ``before`` (µs); they are forgotten with this call."""
        paths = [
            str(row[0]) for row in self.ask("select path from retired_files where retired_at < ?", (before,))
        ]
        with self._lock:
            try:
                self._connection.executemany(
                    "delete from retired_files where path = ?", [(p,) for p in paths]
                )
            except sqlite3.Error as problem:
                raise StoreError(f"{self._path}: cannot write the ledger: {problem}") from problem
        return paths
