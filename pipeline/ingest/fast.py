"""Whole blocks of lines to rows with Arrow's CSV reader, and a list of the lines that need a second look.

Arrow is trusted with nothing that it could shift: rows and refused rows must add up to the lines,
and a row with any sign of a shifted or unusual field is handed to the exact reading instead.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from pipeline.ingest import splits, symbols
from pipeline.ingest.arrow import Argument, Column, Encoded, Numbers
from pipeline.ingest.blocks import Block
from pipeline.ingest.layout import EARLIEST_YEAR, ELB, FIELDS, LATEST_YEAR, TYPE
from pipeline.ingest.parsed import Origin
from pipeline.model import INSTANT, REQUESTS, SYMBOL, TEXT, WHOLE

_QUOTE, _STATUS_LIMIT = 34, 1000
_READ_BYTES = 1 << 20
_OTHER_KINDS = {
    field.name: field.type
    for field in REQUESTS.schema
    if field.name in FIELDS and field.type not in {TEXT, SYMBOL}
}
"""Arrow reads all text as text: dictionaries are made afterwards, at less cost and only where they pay."""
_SYMBOLS = {
    *("client:port", "target:port"),
    *(field.name for field in REQUESTS.schema if field.type == SYMBOL),
}
_SECONDS = FIELDS[5:8]
_FIRST, _LAST = (
    np.datetime64(f"{year}-01-01", "us").astype(np.int64) for year in (EARLIEST_YEAR, LATEST_YEAR + 1)
)

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FastRows:
    """Rows of a block, and the places (from 0, in the block) of the lines that are not among them."""

    table: pa.Table
    left_over: Places


def parse(block: Block, fields: int, origin: Origin) -> FastRows | None:
    """Rows of a block whose lines mostly have ``fields`` fields; None when Arrow cannot be trusted."""
    if not block.is_plain():
        return None
    refused: list[int] = []
    columns = _read(block, fields, refused)
    rows = len(columns["type"]) if columns else 0
    if not rows or rows + len(refused) != block.lines:
        return None
    _join(columns)
    is_read = np.ones(block.lines, np.bool_)
    is_read[np.array(refused, np.int64) - 1] = False
    doubt = np.zeros(block.lines, np.bool_)
    doubt[block.escaped_quotes()] = True
    places, doubt = np.flatnonzero(is_read), doubt[is_read]
    doubt[-1] |= block.ends_inside_quotes()
    parts = _Columns(columns, doubt, origin)
    table = parts.table(places + block.first_line, fields)
    if doubt.any():
        table = table.filter(pa.array(~doubt))
    left_over = np.concatenate([np.array(refused, np.int64) - 1, places[doubt]])
    return FastRows(table, np.sort(left_over))


def _read(block: Block, fields: int, refused: list[int]) -> dict[str, Column]:
    """Columns in pieces; none when Arrow cannot read the block."""
    names = [FIELDS[place] if place < len(FIELDS) else str(place) for place in range(fields)]

    def refuse(row: csv.InvalidRow) -> Literal["skip", "error"]:
        if row.number is None:  # Arrow numbers rows only without threads
            return "error"
        refused.append(row.number)
        return "skip"

    try:
        table = csv.read_csv(
            block.buffer(),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=_READ_BYTES),
            parse_options=csv.ParseOptions(
                delimiter=" ",
                quote_char='"',
                double_quote=False,
                escape_char=False,
                ignore_empty_lines=False,
                invalid_row_handler=refuse,
            ),
            convert_options=csv.ConvertOptions(
                check_utf8=False,  # the block is known to be UTF-8
                column_types={name: _OTHER_KINDS.get(name, TEXT) for name in names},
                null_values=["-"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return {}
    return dict(zip(names, table.columns, strict=True))


def _join(columns: dict[str, Column]) -> None:
    """Make each column one piece, those of few values dictionaries; its pieces are let go at once."""
    for name, pieces in columns.items():
        whole = pieces.combine_chunks()
        columns[name] = symbols.encoded(whole) if name in _SYMBOLS else whole


class _Columns:
    """Columns as read, on their way into the table; ``doubt`` collects rows for the exact reading."""

    def __init__(self, read: dict[str, Column], doubt: Flags, origin: Origin) -> None:
        self._read = read
        self._doubt = doubt
        self._origin = origin
        self._rows = len(doubt)

    def table(self, line_numbers: Places, fields: int) -> pa.Table:
        """The rows in the schema `requests`."""
        made: dict[str, Column] = {
            **self._requests(),
            **self._addresses("client"),
            **self._addresses("target"),
            "elb_node_ip": self._node_ip(fields),
            "extra_fields": self._extra(fields),
            "object_key": symbols.constant(self._origin.object_key, self._rows),
            "line_number": pa.array(line_numbers, pa.int32()),
        }
        self._check(fields)
        columns = [
            made[field.name] if field.name in made else self._given(field) for field in REQUESTS.schema
        ]
        # NULL in a required column belongs to a row in doubt, which is dropped before anyone reads it.
        return pa.Table.from_arrays(columns, schema=REQUESTS.schema)

    def _given(self, field: "pa.Field[pa.DataType]") -> Column:
        return self._read[field.name] if field.name in self._read else self._absent(field.type)

    def _absent(self, kind: Argument) -> Column:
        return pa.nulls(self._rows, kind)

    def _requests(self) -> dict[str, Column]:
        parts = splits.requests(self._read["request"])
        self._doubt |= ~parts.usual
        return {"request_verb": parts.verb, "request_url": parts.url, "request_proto": parts.proto}

    def _addresses(self, side: str) -> dict[str, Column]:
        column = self._read[f"{side}:port"]
        ips, ports, good = splits.addresses(column.dictionary)
        known = ips.dictionary_encode()
        indices = column.indices
        self._doubt |= ~self._spread(good, column, absent=True)
        return {
            f"{side}_ip": pa.DictionaryArray.from_arrays(known.indices.take(indices), known.dictionary),
            f"{side}_port": ports.take(indices),
        }

    def _node_ip(self, fields: int) -> Column:
        if fields < len(FIELDS):
            return symbols.constant(self._origin.node_ip, self._rows)
        logged = self._read["elb_node_ip"]
        if self._origin.node_ip is None or not logged.null_count:
            return logged
        return symbols.encoded(pc.fill_null(logged.cast(TEXT), self._origin.node_ip))

    def _extra(self, fields: int) -> Column:
        count = fields - len(FIELDS)
        if count <= 0:
            return self._absent(pa.list_(TEXT))
        columns = [self._read[str(place)] for place in range(len(FIELDS), fields)]
        flat = pc.fill_null(pa.concat_arrays(columns), "-")
        order = np.arange(self._rows * count).reshape(count, self._rows).T.ravel()
        offsets: Column = pa.array(np.arange(self._rows + 1, dtype=np.int32) * count)
        return pa.ListArray.from_arrays(offsets, flat.take(pa.array(order)))

    def _check(self, fields: int) -> None:
        """Doubt every row that a shifted field would show in."""
        self._doubt |= ~self._matches("type", TYPE)
        self._doubt |= ~self._matches("elb", ELB) | self._matches("elb", "^net/")
        self._check_instants()
        for name in _SECONDS:
            self._doubt |= ~np.isfinite(self._numbers(name, np.nan))
        for name in ("elb_status_code", "target_status_code"):
            status = self._numbers(name, 0)
            self._doubt |= (status < 0) | (status >= _STATUS_LIMIT)
        for name in ("received_bytes", "sent_bytes"):
            self._doubt |= self._numbers(name, 0) < 0
        if "domain_name" in self._read:
            self._doubt |= self._matches("domain_name", "^ | $")
        last = [*self._read][fields - 1]
        if self._read[last].type != INSTANT:  # Arrow refuses an empty one
            self._doubt |= self._matches(last, "^$")  # a blank at the line's end
        for name in self._read:
            self._check_quotes(name)

    def _check_instants(self) -> None:
        self._doubt |= self._flags(self._read["time"].is_null())
        for name in ("time", "request_creation_time"):
            if name in self._read:
                micros = self._numbers(name, int(_FIRST))
                self._doubt |= (micros < _FIRST) | (micros >= _LAST)

    def _numbers(self, name: str, absent: float) -> Numbers:
        column = self._read[name]
        if column.type == INSTANT:
            column = column.view(WHOLE)
        if column.null_count:
            column = column.fill_null(pa.scalar(absent, column.type))
        return column.to_numpy(zero_copy_only=False)

    def _check_quotes(self, name: str) -> None:
        column = self._read[name]
        text = column.dictionary if pa.types.is_dictionary(column.type) else column
        if text.type == TEXT and (splits.Text.of(text).data == _QUOTE).any():
            self._doubt |= self._matches(name, '"')

    def _matches(self, name: str, pattern: str) -> Flags:
        column = self._read[name]
        if not pa.types.is_dictionary(column.type):
            found = pc.match_substring_regex(column, pattern)
            return self._flags(pc.fill_null(found, pa.scalar(value=False)))
        return self._spread(
            self._flags(pc.match_substring_regex(column.dictionary, pattern)), column, absent=False
        )

    @staticmethod
    def _flags(column: Column) -> Flags:
        return np.asarray(column.to_numpy(zero_copy_only=False), np.bool_)

    @staticmethod
    def _spread(flags: Flags, column: Encoded, *, absent: bool) -> Flags:
        """Flags of a dictionary's values as flags of rows."""
        if (flags == absent).all():
            return np.full(len(column), absent)
        with_absent = np.append(flags, absent)
        spread: Flags = with_absent[column.indices.fill_null(len(flags)).to_numpy(zero_copy_only=False)]
        return spread
