"""What a parsing thread needs of a lake: what is known, a folder for files, and a place to hand in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pipeline.ingest.ledger import FileEntry, ObjectEntry
from pipeline.redaction import Redaction


class Shelf(Protocol):
    """A lake, or what stands for it on a machine that has no ledger."""

    root: Path
    redaction: Redaction | None

    def has_content(self, locator: str, content_hash: str) -> bool:
        """Is this very object in the lake with this content?"""
        ...

    def has_copy(self, base_name: str, content_hash: str, locator: str) -> bool:
        """Is the same content in the lake under the same base name, from elsewhere?"""
        ...

    def touch(self, locator: str, etag: str) -> None:
        """Note a new ETag of an object whose content is the same."""
        ...

    def free_key(self, object_key: str, locator: str) -> str:
        """The object's key, or its locator where another source has that key."""
        ...

    def commit(
        self, objects: Sequence[ObjectEntry], files: Sequence[tuple[FileEntry, Sequence[str]]]
    ) -> None:
        """Make objects and their files part of the lake at once."""
        ...
