"""Takes rows of former versions of objects out of the files that hold them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.ingest import parquet
from pipeline.ingest.ledger import FileEntry, Ledger

Rest = list[tuple[FileEntry, Sequence[str]]]


def without(root: Path, ledger: Ledger, locators: Sequence[str]) -> tuple[Rest, list[str]]:
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
    for file_id, file in _files(ledger, locators):
        retired.append(file.path)
        others = [
            str(locator)
            for (locator,) in ledger.ask(
                "select locator from objects join file_objects on object_id = id where file_id = ?",
                (file_id,),
            )
            if locator not in locators
        ]
        if others:
            rest.extend(_rewrite(root, file, former, others))
    return rest, retired


def _keys(ledger: Ledger, locator: str) -> list[tuple[object, ...]]:
    return ledger.ask("select object_key from objects where locator = ?", (locator,))


def _files(ledger: Ledger, locators: Sequence[str]) -> list[tuple[int, FileEntry]]:
    found: dict[int, FileEntry] = {}
    for locator in locators:
        for file_id, kind, path, elb, first, last in ledger.ask(
            "select files.id, kind, path, elb, first_time, last_time from files"
            " join file_objects on file_id = files.id"
            " join objects on object_id = objects.id where locator = ?",
            (locator,),
        ):
            if isinstance(file_id, int):
                elb_name = None if elb is None else str(elb)
                found[file_id] = FileEntry(str(kind), str(path), elb_name, _whole(first), _whole(last))
    return list(found.items())


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _rewrite(root: Path, file: FileEntry, keys: set[str], others: list[str]) -> Rest:
    try:
        table = pq.read_table(root / file.path, partitioning=None)
    except (OSError, pa.ArrowInvalid) as problem:
        raise StoreError(f"{root / file.path}: cannot be read: {problem}") from problem
    text = table.column("object_key").cast(pa.string())
    table = table.filter(pc.invert(pc.is_in(text, pa.array(sorted(keys), pa.string()))))
    if not table.num_rows:
        return []
    folder = str(Path(file.path).parent)
    path = (
        parquet.write(root, folder, table)
        if file.kind == "rejected_lines"
        else parquet.write_requests(root, folder, table)
    )
    return [(FileEntry(file.kind, path, file.elb, file.first_time, file.last_time), others)]
