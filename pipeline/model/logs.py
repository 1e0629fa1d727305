"""What the load balancer wrote: its lines, and the objects that held them."""

import pyarrow as pa

from pipeline.model.tables import INSTANT, REAL, SYMBOL, TEXT, WHOLE, Table, column

REQUESTS = Table(
    "requests",
    "access-log line",
    pa.schema(
        [
            column("type", SYMBOL, "http, https, h2, grpcs, ws, wss; unknown values are kept"),
            column("time", INSTANT, "when the load balancer produced the response", required=True),
            column("elb", SYMBOL, "resource id of the load balancer, app/name/id"),
            column("client_ip", SYMBOL, "client address, IPv6 without brackets"),
            column("client_port", pa.int32(), "client port"),
            column("target_ip", SYMBOL, "target address; NULL when no target was chosen"),
            column("target_port", pa.int32(), "target port"),
            column("request_processing_time", REAL, "s from receipt to dispatch; -1 when never dispatched"),
            column("target_processing_time", REAL, "s from dispatch to first response byte; -1 when none"),
            column("response_processing_time", REAL, "s from first byte to sending it on; -1 when none"),
            column("elb_status_code", pa.int16(), "status that the client received"),
            column("target_status_code", pa.int16(), "status from the target; NULL: the ALB made its own"),
            column("received_bytes", WHOLE, "request size in bytes, headers included"),
            column("sent_bytes", WHOLE, "response size in bytes, headers included"),
            column("request_verb", SYMBOL, "text before the first blank of the request line"),
            column("request_url", TEXT, "text between the first and the last blank of the request line"),
            column("request_proto", SYMBOL, "text after the last blank of the request line"),
            column("request_line", TEXT, "whole request line, only where its three parts lose something"),
            column("user_agent", SYMBOL, "user agent as logged, escapes undecoded"),
            column("ssl_cipher", SYMBOL, "TLS cipher of the client connection"),
            column("ssl_protocol", SYMBOL, "TLS version of the client connection"),
            column("target_group_arn", SYMBOL, "target group"),
            column("trace_id", TEXT, "X-Amzn-Trace-Id; Root=1-<hex s>-<hex>"),
            column("domain_name", SYMBOL, "SNI domain"),
            column("chosen_cert_arn", SYMBOL, "certificate, or session-reused"),
            column("matched_rule_priority", SYMBOL, "rule priority, 0 default, -1 rule error"),
            column("request_creation_time", INSTANT, "when the request was received (ms resolution)"),
            column("actions_executed", SYMBOL, "comma list, e.g. waf,forward"),
            column("redirect_url", TEXT, "redirect location as logged"),
            column("error_reason", SYMBOL, "Lambda*, WAF*, Auth* code; never set for plain 502/504"),
            column("target_port_list", SYMBOL, "target list as logged"),
            column("target_status_code_list", SYMBOL, "target status list as logged"),
            column("classification", SYMBOL, "desync verdict"),
            column("classification_reason", SYMBOL, "desync reason"),
            column("conn_trace_id", SYMBOL, "TID_ of the client connection"),
            column("transformed_host", SYMBOL, "host after a rewrite"),
            column("transformed_uri", TEXT, "URI after a rewrite"),
            column("request_transform_status", SYMBOL, "TransformSuccess or an error code"),
            column("elb_node_ip", SYMBOL, "load balancer node: field 34, else from the object key"),
            column("extra_fields", pa.list_(TEXT), "fields beyond the 34th as logged; NULL when none"),
            column("object_key", SYMBOL, "object (or file) that held the line", required=True),
            column("line_number", pa.int32(), "1-based line within the object", required=True),
        ]
    ),
)


CONNECTIONS = Table(
    "connections",
    "connection-log line: a client's attempt to connect",
    pa.schema(
        [
            column("time", INSTANT, "when the connection was made or failed (AWS: timestamp)", required=True),
            column("client_ip", SYMBOL, "client address"),
            column("client_port", pa.int32(), "client port"),
            column("listener_port", pa.int32(), "port of the listener"),
            column("tls_protocol", SYMBOL, "TLS version; NULL without TLS or when the handshake failed"),
            column("tls_cipher", SYMBOL, "TLS cipher"),
            column("tls_handshake_latency", REAL, "s until the handshake was done"),
            column("leaf_client_cert_subject", SYMBOL, "subject of the client's certificate"),
            column("leaf_client_cert_validity", SYMBOL, "NotBefore=...;NotAfter=... of it"),
            column("leaf_client_cert_serial_number", SYMBOL, "serial number of it"),
            column("tls_verify_status", SYMBOL, "Success, or Failed:code"),
            column("conn_trace_id", TEXT, "TID_ that the requests of this connection carry too"),
            column("tls_keyexchange", SYMBOL, "key exchange of the handshake"),
            column("elb", SYMBOL, "resource id of the load balancer: field 14, else from the object key"),
            column("elb_node_ip", SYMBOL, "load balancer node: field 15, else from the object key"),
            column("extra_fields", pa.list_(TEXT), "fields beyond the 15th as logged; NULL when none"),
            column("object_key", SYMBOL, "object (or file) that held the line", required=True),
            column("line_number", pa.int32(), "1-based line within the object", required=True),
        ]
    ),
)


HEALTH_CHECKS = Table(
    "health_checks",
    "health-check-log line: one check of one target by one load balancer node",
    pa.schema(
        [
            column("type", SYMBOL, "http, https, h2, grpc, lambda; unknown values are kept"),
            column("time", INSTANT, "when the check began", required=True),
            column("latency", REAL, "s until it was decided"),
            column("target_addr", SYMBOL, "address and port as logged, or ARN of a function"),
            column("target_ip", SYMBOL, "target address; NULL for a function"),
            column("target_port", pa.int32(), "target port; NULL for a function"),
            column("target_group_id", SYMBOL, "target group, by its name"),
            column("status", SYMBOL, "PASS or FAIL"),
            column("status_code", pa.int16(), "status that the target answered; NULL: none"),
            column("reason_code", SYMBOL, "why it failed: TimedOut, ConnectionReset, TargetError, ..."),
            column("elb", SYMBOL, "resource id of the load balancer: field 9, else from the object key"),
            column("elb_node_ip", SYMBOL, "load balancer node: field 10, else from the object key"),
            column("extra_fields", pa.list_(TEXT), "fields beyond the 10th as logged; NULL when none"),
            column("object_key", SYMBOL, "object (or file) that held the line", required=True),
            column("line_number", pa.int32(), "1-based line within the object", required=True),
        ]
    ),
)


REJECTED_LINES = Table(
    "rejected_lines",
    "line that is no valid entry",
    pa.schema(
        [
            column("object_key", TEXT, "object that held the line", required=True),
            column("line_number", WHOLE, "1-based line within the object", required=True),
            column("field", TEXT, "field that failed, NULL when the line as a whole did"),
            column("reason", TEXT, "why it is no entry", required=True),
            column("raw", pa.binary(), "the line's bytes, at most the first 64 KiB", required=True),
        ]
    ),
)


OBJECTS = Table(
    "objects",
    "object, as the ledger knows it",
    pa.schema(
        [
            column("object_key", TEXT, "key or path", required=True),
            column("kind", TEXT, "access_log, connection_log or health_check_log", required=True),
            column("etag", TEXT, "ETag, or size and mtime of a file", required=True),
            column("size", WHOLE, "compressed bytes", required=True),
            column("lines", WHOLE, "lines read", required=True),
            column("rows", WHOLE, "lines that became rows of the kind's table", required=True),
            column("rejected", WHOLE, "lines that did not", required=True),
            column("problem", TEXT, "why the object could not be read to its end; NULL: it could"),
            column("parser_version", TEXT, "of the parser; lean: columns were left out", required=True),
            column("ingested_at", INSTANT, "when it was committed", required=True),
        ]
    ),
)


FIELD_LAYOUTS = Table(
    "field_layouts",
    "kind of log and number of fields that AWS does not document",
    pa.schema(
        [
            column("kind", TEXT, "access_log, connection_log or health_check_log", required=True),
            column(
                "fields", WHOLE, "fields of the line (JSON, Parquet: known ones + unknown)", required=True
            ),
            column("first_object", TEXT, "object in which it was seen first", required=True),
            column("first_seen_at", INSTANT, "when that object was read", required=True),
            column("objects", WHOLE, "objects that have such lines", required=True),
            column("rows", WHOLE, "rows from such lines", required=True),
        ]
    ),
)
