"""Thrift's compact protocol, as far as Parquet writes it: whole numbers, structs and lists of structs.

Arrow hands out what it has read of a file's footer, but ends the process where that is damaged, and hands out
no page headers at all.
"""

from typing import TypeAlias

Fields: TypeAlias = dict[int, object]
"""Members of a struct by their numbers: whole numbers, structs, lists of structs. Others are left out."""

_TRUE, _FALSE, _BYTE, _DOUBLE, _BYTES, _STRUCT = 1, 2, 3, 7, 8, 12
_WHOLE, _LISTS = (4, 5, 6), (9, 10)
_DEEPEST, _LONG_LIST, _BITS = 12, 15, 64


def struct(data: bytes) -> tuple[Fields, int]:
    """The struct at the start, and where it ends.

    Raises:
        EOFError: it goes on behind the data.
        ValueError: it is none.
    """
    reader = _Reader(data)
    return reader.struct(0), reader.place


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def struct(self, depth: int) -> Fields:
        if depth > _DEEPEST:
            raise ValueError("structs too deep in each other")
        found: Fields = {}
        number = 0
        while head := self._byte():
            step = head >> 4
            number = number + step if step else self._whole()
            value = self._value(head & 15, depth)
            if value is not None:
                found[number] = value
        return found

    def _value(self, kind: int, depth: int, *, is_item: bool = False) -> object:
        if kind in _WHOLE:
            return self._whole()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in _LISTS:
            return self._list(depth + 1)
        if kind == _BYTE or (kind in {_TRUE, _FALSE} and is_item):
            self.place += 1
        elif kind == _DOUBLE:
            self.place += 8
        elif kind == _BYTES:
            length = self._varint()
            self.place += length
        elif kind not in {_TRUE, _FALSE}:
            raise ValueError("no struct")
        return None

    def _list(self, depth: int) -> object:
        if depth > _DEEPEST:
            raise ValueError("lists too deep in each other")
        head = self._byte()
        kind, length = head & 15, head >> 4
        length = self._varint() if length == _LONG_LIST else length
        found: list[Fields] = []
        for _ in range(length):
            value = self._value(kind, depth, is_item=True)
            if self.place > len(self._data):
                raise EOFError
            if isinstance(value, dict):
                found.append(value)
        return found if kind == _STRUCT else None

    def _byte(self) -> int:
        if self.place >= len(self._data):
            raise EOFError
        self.place += 1
        return self._data[self.place - 1]

    def _whole(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = shift = 0
        while shift < _BITS:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if not byte >> 7:
                return value
        raise ValueError("a number of too many digits")


def number(fields: Fields, field: int) -> int:
    """A whole number of a struct; 0 where it has none."""
    value = fields.get(field)
    return value if isinstance(value, int) else 0


def member(fields: Fields, field: int) -> Fields:
    """A struct of a struct; empty where it has none."""
    value = fields.get(field)
    return value if isinstance(value, dict) else {}


def members(fields: Fields, field: int) -> list[Fields]:
    """A list of structs; empty where it has none."""
    value = fields.get(field)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
