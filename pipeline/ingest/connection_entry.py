"""One connection-log line to one row of `connections`."""

import re

from pipeline.ingest import values
from pipeline.ingest.escapes import text
from pipeline.ingest.tokens import LineError
from pipeline.ingest.values import ABSENT, Value

FIELDS = (
    "time",
    "client_ip",
    "client_port",
    "listener_port",
    "tls_protocol",
    "tls_cipher",
    "tls_handshake_latency",
    "leaf_client_cert_subject",
    "leaf_client_cert_validity",
    "leaf_client_cert_serial_number",
    "tls_verify_status",
    "conn_trace_id",
    "tls_keyexchange",
    "elb",
    "elb_node_ip",
)
"""Columns in log order; AWS calls the first one timestamp in plain logs and time in others."""

FEWEST = 12
"""Fields of the oldest layout."""

_TEXTS = (4, 5, *range(7, len(FIELDS)))
_ADDRESS = re.compile(rb"[0-9A-Fa-f:.]{2,45}")


def row(tokens: list[bytes], *, is_selection: bool = False) -> dict[str, Value]:
    """Columns of one entry.

    Args:
        tokens: fields in log order, at least as many as the oldest layout has.
        is_selection: the delivery may have left fields out, so only the time must be there.

    Raises:
        LineError: it is no entry.
    """
    if not (_ADDRESS.fullmatch(tokens[1]) or (is_selection and tokens[1] == ABSENT)):
        raise LineError("client_ip", "no address")
    found: dict[str, Value] = {
        "time": values.required_instant(tokens[0], "time"),
        "client_ip": values.optional_text(tokens[1]),
        "client_port": values.port(tokens[2], "client_port"),
        "listener_port": values.port(tokens[3], "listener_port"),
        "tls_handshake_latency": values.optional_seconds(tokens[6], "tls_handshake_latency"),
    }
    for place in _TEXTS:
        found[FIELDS[place]] = values.optional_text(tokens[place]) if place < len(tokens) else None
    found["extra_fields"] = [text(token) for token in tokens[len(FIELDS) :]] or None
    return found
