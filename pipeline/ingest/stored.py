"""The tables that the lake keeps as Parquet files, and how their files are written."""

from typing import NamedTuple

import pyarrow as pa

from pipeline.ingest.arrow import Argument
from pipeline.ingest.parquet import PLAIN_LAYOUT, REQUESTS_LAYOUT
from pipeline.model import CONNECTIONS, HEALTH_CHECKS, REJECTED_LINES, REQUESTS


class Stored(NamedTuple):
    """Schema of a table and the options of its files."""

    schema: pa.Schema
    layout: Argument


STORED = {
    "requests": Stored(REQUESTS.schema, REQUESTS_LAYOUT),
    "errors": Stored(REQUESTS.schema, REQUESTS_LAYOUT),
    "connections": Stored(CONNECTIONS.schema, PLAIN_LAYOUT),
    "health_checks": Stored(HEALTH_CHECKS.schema, PLAIN_LAYOUT),
    "rejected_lines": Stored(REJECTED_LINES.schema, PLAIN_LAYOUT),
}
"""By the name of the folder, which is also `files.kind` in the ledger."""

OF_LINES = ("requests", "connections", "health_checks")
"""A line that became a row is in exactly one of these."""

TIMED = (*OF_LINES, "errors")
"""Tables in folders of an hour each."""
