"""The ledger's tables, and how a ledger of an older version becomes one of this version.

``pragma user_version`` counts the steps that a ledger has taken.
"""

import sqlite3

from pipeline.errors import StoreError

_FIRST = """
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
create table if not exists retired_files (path text primary key, retired_at integer not null)
"""

_CHECKS_AND_RETENTION = """
alter table files add column rows integer;
alter table files add column size integer;
alter table files add column crc32 integer;
alter table objects add column expired_rows integer not null default 0;
alter table objects add column expired_rejected integer not null default 0
"""

_KINDS_AND_LAYOUTS = """
alter table objects add column kind text not null default 'access_log';
create table object_layouts (
    object_id integer not null references objects (id) on delete cascade,
    fields integer not null,
    rows integer not null,
    primary key (object_id, fields)
)
"""

_STEPS = (_FIRST, _CHECKS_AND_RETENTION, _KINDS_AND_LAYOUTS)
VERSION = len(_STEPS)


def version(connection: sqlite3.Connection) -> int:
    """Steps that the ledger has taken; 0 for an empty one and for those from before versions were kept."""
    (found,) = connection.execute("pragma user_version").fetchone()
    return int(found)


def refuse_newer(connection: sqlite3.Connection) -> None:
    """Stop before a ledger that this version does not understand.

    Raises:
        StoreError: a newer version of the tool has written it.
    """
    found = version(connection)
    if found > VERSION:
        raise StoreError(
            f"the store was written by a newer version of forensics (its ledger has version {found}, "
            f"this one knows {VERSION}); upgrade forensics"
        )


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Take the missing steps, all or none; two processes may try at once."""
    if version(connection) >= VERSION:
        return
    connection.execute("begin immediate")
    try:
        for step in _STEPS[version(connection) :]:
            for statement in step.split(";"):
                connection.execute(statement)
        connection.execute(f"pragma user_version = {VERSION}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
