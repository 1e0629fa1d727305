"""Conditions such as ``scale_in>10``: so many errors of a cause on a day are too many."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.attribute import causes
from pipeline.attribute.verdicts import INSUFFICIENT
from pipeline.errors import UsageError

ALL = "errors"
"""The name for 502s and 504s of any cause."""
_SHAPE = re.compile(r"\s*([a-z0-9_]+)\s*(>=?)\s*(\d+)\s*")


@dataclass(frozen=True)
class Threshold:
    """One condition.

    Attributes:
        name: a cause, or ``errors`` for all.
        least: number of errors from which on it holds.
        text: as it was given.
    """

    name: str
    least: int
    text: str

    def holds(self, by_cause: Mapping[str, int]) -> bool:
        """Whether there are so many."""
        found = sum(by_cause.values()) if self.name == ALL else by_cause.get(self.name, 0)
        return found >= self.least


def read(texts: Sequence[str], option: str) -> list[Threshold]:
    """Conditions; one text may hold several, with commas between.

    Raises:
        UsageError: one is none, or names no cause.
    """
    return [_read(part, option) for text in texts for part in text.split(",")]


def _read(text: str, option: str) -> Threshold:
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise UsageError(f"{option} {text}: give a cause and a number, such as scale_in>10 or errors>=100")
    name, sign, number = shape.groups()
    names = [ALL, INSUFFICIENT, *(cause.id for cause in causes.load())]
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        raise UsageError(
            f"{option} {text}: no cause is called {name}"
            + (f"; {near[0]}?" if near else "; see docs/causes.md")
        )
    least = int(number) + (sign == ">")
    if not least:
        raise UsageError(f"{option} {text}: always holds; give a number above 0")
    return Threshold(name, least, text.strip())
