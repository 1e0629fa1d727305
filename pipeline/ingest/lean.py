"""Requests without the columns that no verdict and no page reads: a sixth of the bytes."""

import pyarrow as pa

from pipeline.ingest.arrow import Column
from pipeline.ingest.layout import PARSER_VERSION

UNREAD = ("client_port", "user_agent", "target_port_list", "target_status_code_list", "conn_trace_id")
"""Columns that are left out. Others that nothing reads either hold few values, and take next to no room."""

LEAN_VERSION = f"{PARSER_VERSION} lean"
"""What the ledger says of an object that was read so: the same bytes give other rows."""


def lean(table: pa.Table) -> pa.Table:
    """Rows of `requests` with NULL in these columns."""
    columns: list[Column] = [
        pa.nulls(table.num_rows, field.type) if field.name in UNREAD else column
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)
