"""JSON values out of a stream of text: one, lines, pretty-printed ones back to back, or half of one."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

LONGEST_VALUE = 512 << 20
"""Characters of one JSON value at most: it is decoded as a whole."""

PIECE = 4 << 20
"""Characters from which on a Kubernetes list that goes on is handed out piece by piece."""

SKIPPED = "forensics/skipped"
"""Key of a piece: so many records of its list came before."""

MOST_PROBLEMS = 10
"""Problems told one by one per file; the others are counted."""

LISTS = (
    "Activities AutoScalingGroups AutoScalingInstances Attributes Events InstanceRefreshes InstanceStatuses "
    "Instances LifecycleHooks Listeners LoadBalancers MetricDataResults NetworkInterfaces Records "
    "Reservations SpotInstanceRequests TargetGroups TargetHealthDescriptions events items logEvents"
)
"""Top-level lists of which the whole records before a cut are worth having."""

_LISTS = frozenset(LISTS.split())
_BLANK = re.compile(r"[\s,\x00]*")
_START = re.compile(r"(?:\d{4}-\d\d-\d\dT[\d:.]+Z? )?(?=[{\[])")
"""A value, perhaps after the time that a CloudWatch Logs export writes before each message."""
_NEXT = re.compile(r"\n(?=[{\[]|\d{4}-\d\d-\d\dT[\d:.]+Z? [{\[])")
_SLACK = 16
"""An error this near the end of what was read so far may only mean: read more."""


@dataclass
class Values:
    """The values of one file.

    Attributes:
        chunks: pieces of text.
        report: takes a sentence about what could not be read.
    """

    chunks: Iterator[str]
    report: Callable[[str], None]
    _text: str = field(default="", init=False)
    _at: int = field(default=0, init=False)
    _ended: bool = field(default=False, init=False)
    _consumed: int = field(default=0, init=False)
    _problems: int = field(default=0, init=False)
    _skipped: int = field(default=0, init=False)
    _decoder: json.JSONDecoder = field(default_factory=json.JSONDecoder, init=False)

    def __iter__(self) -> Iterator[Any]:
        """Each value in order; a broken one is reported, and what it holds whole is still yielded."""
        number = 0
        while self._skip_blank():
            number += 1
            self._skipped = 0
            yield from self._value(number)
        if self._problems > MOST_PROBLEMS:
            self.report(f"{self._problems - MOST_PROBLEMS} more values are no JSON")

    def starts_as_json(self) -> bool:
        """Whether the first non-blank character opens an object or a list."""
        return self._skip_blank() and _START.match(self._text, self._at) is not None

    def _value(self, number: int) -> Iterator[Any]:
        while True:
            yield from self._further_pieces()
            start = _START.match(self._text, self._at)
            try:
                if start is None:
                    raise json.JSONDecodeError("no object or list", self._text, self._at)
                value, self._at = self._decoder.raw_decode(self._text, start.end())
            except (ValueError, RecursionError) as error:
                if self._may_be_cut(error):
                    yield from self._piece()
                    if len(self._text) - self._at < LONGEST_VALUE and self._more():
                        continue
                yield from self._broken(number, error)
            else:
                yield self._numbered(value)
            return

    def _further_pieces(self) -> Iterator[Any]:
        """Once a list comes in pieces, all but the last: without trying each time whether it has ended."""
        while self._skipped:
            while len(self._text) - self._at < PIECE and self._more():
                pass
            before = self._skipped
            if not self._ended:
                yield from self._piece()
            if self._skipped == before:
                return

    def _piece(self) -> Iterator[Any]:
        """The records of a long Kubernetes list so far; the text then starts with the next one.

        A list of 50,000 pods is half a gigabyte: as one value it would take ten times that.
        """
        if len(self._text) - self._at < PIECE:
            return
        head, records_at = _head(self._text, self._at, self._decoder)
        records, end = _elements(self._text, records_at, self._decoder) if head is not None else ([], 0)
        if head is None or not records or not all(isinstance(record, dict) for record in records):
            return
        yield self._numbered({**head, "kind": head.get("kind", "List"), "items": records})
        opening = self._text[self._at : records_at]
        end = _after_blank(self._text, end)
        self._consumed += _byte_length(self._text[:end]) - _byte_length(opening)
        self._text, self._at = opening + self._text[end:], 0
        self._skipped += len(records)

    def _numbered(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        return {**value, SKIPPED: self._skipped} if self._skipped and isinstance(value, dict) else value

    def _may_be_cut(self, error: Exception) -> bool:
        if not isinstance(error, json.JSONDecodeError):
            return False
        if error.msg.startswith("Invalid control character"):
            return False
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _SLACK

    def _broken(self, number: int, error: Exception) -> Iterator[Any]:
        where = self._consumed + _byte_length(self._text[: self._at])
        whole, key = whole_records(self._text, self._at, self._decoder)
        if self._ended and self._may_be_cut(error):
            what = f"cut short at byte {self._consumed + _byte_length(self._text)}"
        else:
            what = f"value {number} at byte {where} is no JSON ({_reason(error)})"
        if whole is not None:
            what += f": used up to record {len(whole[key]) if key else len(whole)}"
        self._problems += 1
        if self._problems <= MOST_PROBLEMS:
            self.report(what)
        if whole is not None:
            yield whole
        self._to_next_value()

    def _to_next_value(self) -> None:
        while True:
            following = _NEXT.search(self._text, self._at)
            if following is not None:
                self._at = following.end()
                return
            self._at = max(self._at, len(self._text) - 64)
            if not self._more():
                self._at = len(self._text)
                return

    def _skip_blank(self) -> bool:
        """Move to the next character that is not blank; False at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text) - 64 or (self._ended and self._at < len(self._text)):
                return True
            if not self._more():
                return self._at < len(self._text)

    def _more(self) -> bool:
        """Read on, at least doubling what is not yet used; False at the end of the text."""
        if self._ended:
            return False
        self._consumed += _byte_length(self._text[: self._at])
        parts = [self._text[self._at :]]
        wanted, have = max(1, len(parts[0])), 0
        for chunk in self.chunks:
            parts.append(chunk)
            have += len(chunk)
            if have >= wanted:
                break
        else:
            self._ended = True
        self._text, self._at = "".join(parts), 0
        return have > 0


def whole_records(text: str, at: int, decoder: json.JSONDecoder) -> tuple[Any, str | None]:
    """What a broken value holds whole: the records of its first known list before the damage.

    Returns:
        The object with that list cut (or, for a list, its elements) and the list's name; (None, None) when
        nothing is whole.
    """
    opening = text[at : at + 1]
    if opening == "[":
        elements, _ = _elements(text, at + 1, decoder)
        return (elements, None) if elements else (None, None)
    if opening == "{":
        return _members(text, at + 1, decoder)
    return None, None


def _members(text: str, at: int, decoder: json.JSONDecoder) -> tuple[Any, str | None]:
    """Members of an object up to the damage; worth having only when a known list is among them."""
    members: dict[str, Any] = {}
    found: str | None = None
    try:
        while True:
            key, at = decoder.raw_decode(text, _after_blank(text, at))
            at = _after_blank(text, at, ":")
            try:
                members[key], at = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                if key in _LISTS and text[at : at + 1] == "[":
                    members[key], _ = _elements(text, at + 1, decoder)
                    found = key
                break
            found = key if key in _LISTS else found
    except (ValueError, RecursionError, TypeError):
        pass
    if found is None or not members[found]:
        return None, None
    if found == "items":  # kubectl prints the kind after the items
        members.setdefault("kind", "List")
    return members, found


def _elements(text: str, at: int, decoder: json.JSONDecoder) -> tuple[list[Any], int]:
    """The whole elements of a list and where the last one ends."""
    elements: list[Any] = []
    try:
        while True:
            element, at = decoder.raw_decode(text, _after_blank(text, at))
            elements.append(element)
    except (ValueError, RecursionError):
        return elements, at


def _head(text: str, at: int, decoder: json.JSONDecoder) -> tuple[dict[str, Any] | None, int]:
    """Members of an object before its ``items``, and where these start; None when it is no such object."""
    members: dict[str, Any] = {}
    if text[at : at + 1] != "{":
        return None, 0
    at += 1
    try:
        while True:
            key, at = decoder.raw_decode(text, _after_blank(text, at))
            at = _after_blank(text, at, ":")
            if key == "items" and text[at : at + 1] == "[":
                return members, at + 1
            members[str(key)], at = decoder.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, 0


def _after_blank(text: str, at: int, further: str = ",") -> int:
    while text[at : at + 1] and (text[at].isspace() or text[at] == further):
        at += 1
    return at


def _byte_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
