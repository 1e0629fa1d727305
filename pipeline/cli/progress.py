"""Progress on standard error: a line that redraws on a terminal, one line a minute elsewhere."""

import sys
import time

from pipeline.ingest.pull import PullSummary

_EVERY_S = {True: 0.2, False: 60.0}


class PullProgress:
    """Called after each object with what was read so far and how many objects there are."""

    def __init__(self) -> None:
        """Start the clock."""
        self._is_terminal = sys.stderr.isatty()
        self._last = time.monotonic()

    def __call__(self, summary: PullSummary, total: int) -> None:
        """Say how far the pull is, if it is time to."""
        now = time.monotonic()
        done = summary.ingested + summary.already_known
        if now - self._last < _EVERY_S[self._is_terminal] and done < total:
            return
        self._last = now
        text = f"reading logs: {done:,} of {total:,} objects, {summary.lines:,} lines"
        if self._is_terminal:
            sys.stderr.write(f"\r\x1b[2K{text}" + ("\r\x1b[2K" if done >= total else ""))
        elif done < total:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()
