"""Careful access to decoded JSON: a value of the wrong type is a missing value, never an exception."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from pipeline.timeline.base import Document, Findings
from pipeline.timeline.instants import read_instant

Record = Mapping[str, Any]

INSTANCE_ID = re.compile(r"\bi-(?:[0-9a-f]{17}|[0-9a-f]{8})\b")
"""An EC2 instance id within text."""

HIGHEST_PORT = 65535


def records(document: Document, key: str, findings: Findings) -> Iterator[tuple[str, Record]]:
    """The objects of a top-level list with a reference to each; anything else in it is a problem."""
    values = document.value.get(key)
    if not isinstance(values, list):
        findings.problem(document.ref, f"{key} is no list")
        return
    for number, value in enumerate(values, start=1):
        ref = f"{document.ref} {key}[{number}]"
        if isinstance(value, dict):
            yield ref, value
        else:
            findings.problem(ref, "is no object")


def objects(record: Record, *path: str) -> list[Record]:
    """The objects of a nested list; empty when there is none."""
    value = nested(record, *path)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def mapping(record: Record, *path: str) -> Record:
    """A nested object; empty when there is none."""
    value = nested(record, *path)
    return value if isinstance(value, dict) else {}


def nested(record: Record, *path: str) -> object:
    """The value at a path of keys, None where the path ends early."""
    value: object = record
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(record: Record, *path: str) -> str | None:
    """A non-empty text at a path; numbers and booleans as JSON writes them, None for anything else."""
    value = nested(record, *path)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) and value else None


def texts(record: Record, *path: str) -> list[str]:
    """The texts of a nested list; empty when there is none."""
    value = nested(record, *path)
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def every_text(value: object) -> Iterator[str]:
    """Texts anywhere in a value, however deep."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
        elif isinstance(current, str):
            yield current


def port(record: Record, *path: str) -> int | None:
    """A TCP port, given as number or digits."""
    value = text(record, *path) or ""
    digits = value.isascii() and value.isdigit() and len(value) <= len(str(HIGHEST_PORT))
    return int(value) if digits and int(value) <= HIGHEST_PORT else None


def address(value: object) -> str | None:
    """An IPv4 or IPv6 address in its usual spelling, without brackets; None when it is none."""
    if not isinstance(value, str):
        return None
    try:
        return str(ip_address(value.strip("[]")))
    except ValueError:
        return None


def instant(record: Record, key: str, ref: str, findings: Findings) -> datetime | None:
    """The time under a key; a value that is no time is a problem and then missing."""
    value = record.get(key)
    if value is None or value == "":
        return None
    try:
        return read_instant(value)
    except ValueError as error:
        findings.problem(ref, f"{key} is {error}")
        return None


def tags(entries: list[Record]) -> dict[str, str]:
    """Tags as a mapping, from the API's ``Key``/``Value`` or CloudTrail's ``key``/``value``."""
    named = ((text(e, "Key") or text(e, "key"), text(e, "Value") or text(e, "value")) for e in entries)
    return {key: value for key, value in named if key and value}
