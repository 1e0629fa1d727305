"""Finds the JSON in a folder, whatever its files are called, and yields it document by document."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.timeline.base import Document, Findings
from pipeline.timeline.collection import FILE, page_times
from pipeline.timeline.decode import Values
from pipeline.timeline.inflate import Text
from pipeline.timeline.packed import unpacked
from pipeline.timeline.redact import Scrubber

_JSON_NAME = re.compile(r"\.(?:json|jsonl|ndjson)(?:\.gz)?$", re.IGNORECASE)
_ENDINGS = re.compile(r"(?:\.(?:json|jsonl|ndjson|log|txt))?(?:\.gz)?$", re.IGNORECASE)
_FOREIGN_FOLDERS = frozenset(
    {"CloudTrail-Digest", "CloudTrail-Insight", ".git", "__pycache__", "node_modules"}
)


def read_documents(root: Path, findings: Findings, scrubber: Scrubber | None = None) -> Iterator[Document]:
    """Every JSON object under a folder (or of one file), in the order of paths.

    A file may hold one object, a list of them, one a line, or several back to back; plain or gzip. Files that
    start like no JSON are passed over unless their name says JSON: that, an unreadable file and half a value
    are problems. Hidden files, CloudTrail digests and CloudTrail insights are passed over.

    Args:
        root: folder or file.
        findings: takes the problems.
        scrubber: takes people out of every value.

    Yields:
        One document per object; ``read_at`` is the file's modification time, UTC, or for the pages of a live
        collection the time of asking.
    """
    asked_at: dict[Path, datetime] = {}
    for path in _files(root, findings):
        ref = path.name if path == root else path.relative_to(root).as_posix()
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                findings.problem(ref, "is no file")  # a pipe would be waited for, a device has no end
                continue
            if path.name == FILE:
                asked_at |= page_times(path.parent)
            for document in _documents(path, ref, asked_at.get(path), findings):
                value = document.value if scrubber is None else scrubber.scrubbed(document.value)
                yield replace(document, value=value)
        except OSError as error:
            findings.problem(ref, f"cannot be read ({error.strerror or error})")


def _files(root: Path, findings: Findings) -> Iterator[Path]:
    if root.is_file():
        yield root
        return

    def denied(error: OSError) -> None:
        name = Path(error.filename or root)
        findings.problem(name.name, f"folder cannot be read ({error.strerror or error})")

    for folder, subfolders, names in os.walk(root, onerror=denied):
        subfolders[:] = sorted(set(subfolders) - _FOREIGN_FOLDERS)
        visible = [name for name in names if not name.startswith(".")]
        yield from (Path(folder, name) for name in sorted(visible, key=lambda name: (name != FILE, name)))


def _documents(path: Path, ref: str, asked_at: datetime | None, findings: Findings) -> Iterator[Document]:
    read_at = asked_at or datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    text = Text(lambda: path.open("rb"))
    values = Values(text.chunks(), lambda what: findings.problem(ref, what))
    if not values.starts_as_json():
        if _JSON_NAME.search(path.name):
            findings.problem(ref, text.trouble or "is no JSON")
        return
    name = _ENDINGS.sub("", path.name)
    for number, value in enumerate(objects(values, ref, findings), start=1):
        own_ref = ref if number == 1 else f"{ref}#{number}"
        yield Document(own_ref, name, value, read_at, is_collected=asked_at is not None)
    if text.trouble:
        findings.problem(ref, text.trouble)


def objects(values: Values, ref: str, findings: Findings) -> Iterator[dict[str, Any]]:
    """Objects, those of lists (pages) and what is packed included."""
    for value in values:
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict):
                yield from unpacked(entry, ref, findings)
            else:
                findings.problem(
                    ref, f"holds {type(entry).__name__} {str(entry)[:40]!r} where an object belongs"
                )
