"""Log records as CloudWatch Logs hands them to Lambda, Kinesis and Firehose: JSON, gzip, base64, in JSON."""

import binascii
import json
import zlib
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from pipeline.timeline.base import Findings

MOST_BYTES = 64 << 20
"""Inflated bytes of one record at most; a record of CloudWatch Logs is far smaller."""

_GZIP_IN_BASE64 = "H4sI"
_PLACES = (("kinesis", "data"), ("data",), ("Data",))
"""Where a record has its data: a Lambda's Kinesis event, Firehose transformation, ``kinesis get-records``."""


def unpacked(value: dict[str, Any], ref: str, findings: Findings) -> Iterator[dict[str, Any]]:
    """The objects packed into a value; the value itself when it packs none.

    Args:
        value: a decoded object.
        ref: file and position, for problems.
        findings: takes the problems of records that are damaged.
    """
    packed = _packed(value)
    if not packed:
        yield value
    for number, data in enumerate(packed, start=1):
        try:
            inner = json.loads(_inflate(b64decode(data, validate=True)))
        except (ValueError, binascii.Error, zlib.error, RecursionError) as problem:
            findings.problem(f"{ref} record {number}", f"its data cannot be unpacked ({problem})")
            continue
        if isinstance(inner, dict):
            yield inner
        else:
            findings.problem(f"{ref} record {number}", f"its data is {type(inner).__name__}, not an object")


def _packed(value: dict[str, Any]) -> list[str]:
    event = value.get("awslogs")
    if isinstance(event, dict):
        return _texts([event.get("data")])
    records = value.get("records") or value.get("Records")
    if not isinstance(records, list) or not records or not isinstance(records[0], dict):
        return []
    return _texts([_at(record, place) for record in records for place in _PLACES])


def _at(record: object, place: tuple[str, ...]) -> object:
    for key in place:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def _texts(values: list[object]) -> list[str]:
    return [one for one in values if isinstance(one, str) and one.startswith(_GZIP_IN_BASE64)]


def _inflate(packed: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    content = inflater.decompress(packed, MOST_BYTES)
    if not inflater.eof:
        raise ValueError(f"more than {MOST_BYTES} bytes, or cut short")
    return content
