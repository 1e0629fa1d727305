"""Takes rows of former versions of objects out of the files that hold them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ingest import grouped
from pipeline.ingest.ledger import FILE_COLUMNS, FileEntry, Ledger, file_entry
from pipeline.ingest.stored import STORED

Rest = list[tuple[FileEntry, Sequence[str]]]


def without(
    root: Path, ledger: Ledger, locators: Sequence[str], kinds: Iterable[str] = tuple(STORED)
) -> tuple[Rest, list[str]]:
    """Write anew, without these objects, every file that has rows of them.

    Returns:
        The new files with the locators that remain in them, and the paths of the files that they replace.
        Nothing counts before the caller commits it.

    Raises:
        StoreError: a file cannot be read or written.
    """
    former = {str(key) for locator in locators for (key,) in _keys(ledger, locator)}
    rest: Rest = []
    retired: list[str] = []
    for file_id, file in _files(ledger, locators, set(kinds)):
        retired.append(file.path)
        leaving = set(locators)
        others = [locator for locator in locators_of(ledger, file_id) if locator not in leaving]
        if others:
            rest.extend((kept, others) for kept in _rewrite(root, file, former))
    return rest, retired


def locators_of(ledger: Ledger, file_id: int) -> list[str]:
    """The objects in a file."""
    found = ledger.ask(
        "select locator from objects join file_objects on object_id = id where file_id = ?", (file_id,)
    )
    return [str(locator) for (locator,) in found]


def _keys(ledger: Ledger, locator: str) -> list[tuple[object, ...]]:
    return ledger.ask("select object_key from objects where locator = ?", (locator,))


def _files(ledger: Ledger, locators: Sequence[str], kinds: set[str]) -> list[tuple[int, FileEntry]]:
    found: dict[int, FileEntry] = {}
    for locator in locators:
        for file_id, *row in ledger.ask(
            f"select files.id, {FILE_COLUMNS} from files"  # noqa: S608 - own names
            " join file_objects on file_id = files.id"
            " join objects on object_id = objects.id where locator = ?",
            (locator,),
        ):
            if isinstance(file_id, int) and row[0] in kinds:
                found[file_id] = file_entry(row)
    return list(found.items())


def _rewrite(root: Path, file: FileEntry, keys: set[str]) -> list[FileEntry]:
    leaving = pa.array(sorted(keys), pa.string())
    with grouped.create(root, str(Path(file.path).parent), file.kind) as (kept, path):
        for table in grouped.groups(root / file.path):
            text = table.column("object_key").cast(pa.string())
            kept.add(table.filter(pc.invert(pc.is_in(text, leaving))))
    if not kept.rows:
        return []
    entry = FileEntry(file.kind, path, file.elb, kept.first_time, kept.last_time, kept.rows)
    return [grouped.sealed(root, entry)]
