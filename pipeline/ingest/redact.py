"""Rows and rejected lines without what they tell about people; between parsing and the first write.

What few values repeat is changed once per value, in the dictionary. Addresses, times, statuses and paths
of targets stay: the verdicts rest on them.
"""

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ingest.arrow import Column
from pipeline.ingest.parsed import Parsed
from pipeline.model import CONNECTIONS, HEALTH_CHECKS, REQUESTS, TEXT
from pipeline.redaction import REDACTED, Redaction, each, family

_QUERY = r"(?s)(?:[?#;]|%3[fFbB]|%23).*"
"""A query, a fragment, parameters of a path (``;jsessionid=``), and the same in escapes."""
_LOGIN = r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/]*@"
_TRACE = r"(?P<kept>(?:Self=1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24};)?Root=1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24})(?:;|$)"
"""What the load balancer writes; a client may add fields of its own."""
_VERB, _PROTO = r"^(?:-|[A-Z][A-Z-]{0,19})$", r"^(?:-|HTTP/[0-9][0-9.]{0,2})$"

Change = Callable[[Column], Column]
"""A rule for a text column."""


class Redactor:
    """One way to redact, as rules for the columns of the three kinds of log."""

    def __init__(self, redaction: Redaction) -> None:
        """Take a way."""
        self._rules: dict[str, dict[str, Change]] = {
            REQUESTS.name: {
                "client_ip": _by_value(redaction.address),
                "request_verb": _only(_VERB),
                "request_url": _without_query,
                "request_proto": _only(_PROTO),
                "request_line": _nothing,
                "user_agent": _by_value(family),
                "trace_id": _trace,
                "redirect_url": _without_query,
                "transformed_uri": _without_query,
                "extra_fields": _nothing,
            },
            CONNECTIONS.name: {
                "client_ip": _by_value(redaction.address),
                "leaf_client_cert_subject": _by_value(redaction.name),
                "leaf_client_cert_validity": _nothing,
                "leaf_client_cert_serial_number": _by_value(redaction.name),
                "extra_fields": _nothing,
            },
            HEALTH_CHECKS.name: {"extra_fields": _nothing},
        }

    def redacted(self, parsed: Parsed, table: str) -> Parsed:
        """The same rows of ``table`` and rejects, redacted: of a rejected line number and reason stay."""
        return replace(
            parsed,
            tables=[self._table(one, self._rules[table]) for one in parsed.tables],
            rejects=[replace(one, raw=b"") for one in parsed.rejects],
        )

    @staticmethod
    def _table(table: pa.Table, rules: dict[str, Change]) -> pa.Table:
        columns = [
            pa.chunked_array([_changed(piece, rules[name]) for piece in column.chunks], column.type)
            if name in rules
            else column
            for name, column in zip(table.schema.names, table.columns, strict=True)
        ]
        return pa.Table.from_arrays(columns, schema=table.schema)


def _changed(column: Column, change: Change) -> Column:
    """The column with a rule applied; of a dictionary only the values, which may fall together."""
    if change is _nothing or not pa.types.is_dictionary(column.type):
        return change(column)
    values = change(column.dictionary.cast(TEXT)).dictionary_encode()
    return pa.DictionaryArray.from_arrays(values.indices.take(column.indices), values.dictionary).cast(
        column.type
    )


def _by_value(how: Callable[[str], str | None]) -> Change:
    return lambda column: pa.array(each(column.to_pylist(), how), TEXT)


def _only(pattern: str) -> Change:
    """Values of a shape; others are a client's own words."""

    def change(column: Column) -> Column:
        return pc.if_else(pc.match_substring_regex(column, pattern), column, REDACTED)

    return change


def _nothing(column: Column) -> Column:
    return pa.nulls(len(column), column.type)


def _without_query(column: Column) -> Column:
    path = pc.replace_substring_regex(column, _QUERY, "")
    return pc.replace_substring_regex(path, _LOGIN, r"\1")


def _trace(column: Column) -> Column:
    return pc.struct_field(pc.extract_regex(column, _TRACE), "kept")
