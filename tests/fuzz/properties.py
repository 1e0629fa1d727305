"""What holds for any bytes that are given to the line parser."""

import io
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pipeline.ingest import lenient
from pipeline.ingest.blocks import Block
from pipeline.ingest.escapes import decode
from pipeline.ingest.layout import FEWEST
from pipeline.ingest.objects import ObjectReader, parse_block
from pipeline.ingest.parsed import Origin, Parsed, Reject
from pipeline.ingest.tokens import LineError, tokenise
from tests.support import alb_rows
from tests.support.alb_lines import object_lines
from tests.support.alb_rows import Row

ORIGIN = Origin("key")
_SAMPLES = Path(__file__).parents[2] / "fixtures" / "lines" / "alb-lines-dev.jsonl"
_USUAL, _MOST = 33, 40
_PADS = 8
_TEXTS = ("request_url", "user_agent", "domain_name", "redirect_url")


def seeds() -> list[bytes]:
    """Every sample by itself, and some of them as one object."""
    samples = [json.loads(text)["line"] for text in _SAMPLES.read_text(encoding="utf-8").splitlines()]
    return [*(sample.encode() for sample in samples), "\r\n".join(samples[::5]).encode()]


def check(data: bytes) -> None:
    """Raise AssertionError, or what the parser raised, when a property fails for ``data``.

    As an object: every line becomes a row or a reject. As lines among ordinary ones: the fast path reads
    them as the exact one does. Every row: written as a line, it is read as the same row.
    """
    _check_accounts(data)
    text = data.replace(b"\r\n", b"\n").strip(b"\n")
    if not text:
        return
    numbered = [(_PADS + 1 + place, line) for place, line in enumerate(text.split(b"\n"))]
    exact = lenient.parse(numbered, ORIGIN)
    _check_paths(text, numbered[0][1], exact)
    for row in _rows([exact]):
        _check_round_trip(row)


def _check_accounts(data: bytes) -> None:
    parts = [*ObjectReader(io.BytesIO(data), ORIGIN).parse()]
    for part in parts:
        assert part.rows + len(part.rejects) == part.lines, part
    if not data.startswith(b"\x1f\x8b"):
        text = data.removeprefix(b"\xef\xbb\xbf")
        lines = text.count(b"\n") + (text != b"" and not text.endswith(b"\n"))
        assert sum(part.lines for part in parts) == lines


def _check_paths(text: bytes, first: bytes, exact: Parsed) -> None:
    fields = _fields(first)
    block = "".join(f"{line}\n" for line in _pads(fields)).encode() + text + b"\n"
    read = [*parse_block(Block(block, 0, len(block), 1), ORIGIN)]
    assert _rows(read) == [*_pad_rows(fields), *_rows([exact])]
    assert _rejects(read) == _rejects([exact])


def _check_round_trip(row: Row) -> None:
    line = alb_rows.line(row)
    again = lenient.parse([(row["line_number"], line.encode())], ORIGIN)
    assert not again.rejects, (line, again.rejects)
    assert _rows([again]) == [row], line
    for name in _TEXTS:
        decode(row[name] or "")


def _fields(line: bytes) -> int:
    """The layout of the ordinary lines: that of the first line, so that it takes the fast path too."""
    try:
        fields = len(tokenise(line))
    except LineError:
        return _USUAL
    return fields if FEWEST <= fields <= _MOST else _USUAL


@cache
def _pads(fields: int) -> tuple[str, ...]:
    most = min(fields, 36)
    more = " x" * (fields - most)
    return tuple(line + more for line in object_lines(7, _PADS, fields=most))


@cache
def _pad_rows(fields: int) -> list[Row]:
    return _rows([lenient.parse(enumerate((line.encode() for line in _pads(fields)), 1), ORIGIN)])


def _rows(parts: Iterable[Parsed]) -> list[Row]:
    rows = [row for part in parts for table in part.tables for row in table.to_pylist()]
    return sorted(rows, key=lambda row: int(row["line_number"]))


def _rejects(parts: Iterable[Parsed]) -> list[Reject]:
    return sorted((one for part in parts for one in part.rejects), key=lambda one: one.line_number)
