"""The fields of an access-log line, in log order.

AWS appends fields and never moves one: 18 in 2016, 34 documented in 2026, more are seen. A line is
read up to the fields that it has.
"""

FIELDS = (
    "type",
    "time",
    "elb",
    "client:port",
    "target:port",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target_port_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
    "transformed_host",
    "transformed_uri",
    "request_transform_status",
    "elb_node_ip",
)
"""Names of the known fields; where one field is one column, the column's name."""

FEWEST = 18
"""Fields of the oldest layout; a line with fewer is no entry."""

MOST_FIELDS = 200
"""Fields of a line that is read: AWS adds a few in ten years, only nonsense has so many."""

LONGEST = 1 << 20
"""Bytes of the longest line that is read: headers of 64 K, every byte escaped, leave ample room."""

KEPT = 64 << 10
"""Bytes of a rejected line that are kept."""

PARSER_VERSION = "3"
"""Written into the ledger; raised when the same bytes would give other rows."""

TYPE = r"^[a-z][a-z0-9_-]{0,15}$"
"""Shape of the first field; unknown types are kept, as AWS asks."""

ELB = r"^[^/ ]+/[^ ]*$"
"""Shape of the load balancer's resource id; ``net/`` is refused apart."""

EARLIEST_YEAR, LATEST_YEAR = 2000, 2199
"""Years in which an instant can be: outside, the field is not what it should be."""
