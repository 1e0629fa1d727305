"""One writer at a time: a lock that the kernel lets go of when its process dies.

The lock file holds the writer's process id while it writes; an id without a lock tells of a crash.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import StoreError

_PAUSE_S = 0.05


class WriterLock:
    """The lock file of one store."""

    def __init__(self, path: Path) -> None:
        """Take nothing yet."""
        self._path = path

    @contextmanager
    def held(self, patience_s: float) -> Iterator[bool]:
        """Try to take the lock for at most ``patience_s`` seconds; tells whether it is held.

        Raises:
            StoreError: the store cannot be written.
        """
        try:
            # Not through a link: what it leads to would be written over.
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise StoreError(
                f"{self._path.parent}: the store cannot be written: {problem.strerror}"
            ) from problem
        try:
            yield _take(handle, time.monotonic() + patience_s)
        finally:
            os.close(handle)

    def mark(self) -> None:
        """Note that this process writes; only while the lock is held.

        Raises:
            StoreError: the store cannot be written.
        """
        try:
            self._path.write_text(f"{os.getpid()}\n", encoding="ascii")
        except OSError as problem:
            raise StoreError(
                f"{self._path.parent}: the store cannot be written: {problem.strerror}"
            ) from problem

    def clear(self) -> None:
        """Note that the writer came to its end."""
        with suppress(OSError):  # the next one to open the store looks for leftovers once more
            os.truncate(self._path, 0)

    @property
    def writer(self) -> int | None:
        """Process id of the writer, or of the last one when it crashed."""
        with suppress(OSError, ValueError):
            return int(self._path.read_text(encoding="ascii"))
        return None


def _take(handle: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True
