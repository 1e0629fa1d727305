"""Writes a file so that it appears only when it is whole; devices and pipes are written to, not replaced."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from pipeline.errors import StoreError


@contextmanager
def whole_file(path: Path, advice: str = "choose another --output") -> Iterator[BinaryIO]:
    """A binary file that replaces ``path`` at the end; after an error what was there before stays.

    Args:
        path: a file, made with its folder if need be, or a device such as /dev/stdout.
        advice: what to do where it cannot be written.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            new = Path(file.name)
            try:
                yield file  # type: ignore[misc]  # typeshed's wrapper class is a BinaryIO in all but name
                file.flush()
                os.fsync(file.fileno())
                new.chmod(_mode(path))
                new.replace(path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
    except OSError as problem:
        raise StoreError(f"{path}: {problem.strerror}; {advice}") from problem


def _mode(path: Path) -> int:
    """Who may read: as before for a file that is there, else what the user's umask leaves."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask
