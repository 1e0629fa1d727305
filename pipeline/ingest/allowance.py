"""When an object is given up: so much of it is no log that reading on would cost time and tell nothing.

A megabyte of gzip holds a gigabyte of empty lines. An object of entries never comes near these limits,
whatever its size: each of its rows raises them.
"""

from pipeline.ingest.layout import LONGEST
from pipeline.ingest.parsed import Parsed

_REJECTS, _REJECTS_A_ROW = 1_000_000, 9
_BYTES, _BYTES_A_ROW = 512 << 20, LONGEST


class Allowance:
    """Counts what is read of one object."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._rows = self._rejects = self._bytes = 0

    def take(self, parsed: Parsed) -> None:
        """These lines were read."""
        self._rows += parsed.rows
        self._rejects += len(parsed.rejects)

    def inflate(self, size: int) -> None:
        """So many bytes, inflated, were read."""
        self._bytes += size

    def spent_on_lines(self) -> str | None:
        """Why the object is given up for its rejected lines; None: it is not."""
        if self._rejects <= _REJECTS + _REJECTS_A_ROW * self._rows:
            return None
        return f"given up: only {self._rows:,} of its first {self._rows + self._rejects:,} lines are entries"

    def spent_on_bytes(self) -> str | None:
        """Why it is given up for its size; None: it is not."""
        if self._bytes <= _BYTES + _BYTES_A_ROW * self._rows:
            return None
        return f"given up: only {self._rows:,} entries in its first {self._bytes >> 20:,} MiB"
