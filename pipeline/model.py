"""The tables: one Arrow schema each, every column with its meaning.

All instants are UTC with microsecond resolution. A missing value is NULL; the log's ``-`` is NULL,
its ``-1`` in the three processing times is kept, because it says that a step never happened.
``docs/schema.md`` is generated from here.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
REAL = pa.float64()
WHOLE = pa.int64()
SYMBOL = pa.dictionary(pa.int32(), pa.string())
"""Text with few distinct values: stored once per file, compared as text."""


def column(name: str, kind: pa.DataType, meaning: str, *, required: bool = False) -> "pa.Field[Any]":
    """One column with its meaning; ``required`` columns hold no NULL."""
    return pa.field(name, kind, nullable=not required, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Table:
    """A table's name, its grain (one row per what) and its Arrow schema."""

    name: str
    grain: str
    schema: pa.Schema


@dataclass(frozen=True)
class Window:
    """Half-open span of time [since, until), UTC; None is open."""

    since: datetime | None = None
    until: datetime | None = None


class EventKind(StrEnum):
    """What an observed change says, in the past tense."""

    INSTANCE_LAUNCHED = "instance_launched"
    NODE_JOINED = "node_joined"
    NODE_BECAME_READY = "node_became_ready"
    NODE_BECAME_UNREADY = "node_became_unready"
    NODE_CORDONED = "node_cordoned"
    INSTANCE_IMPAIRED = "instance_impaired"
    SPOT_INTERRUPTED = "spot_interrupted"
    TERMINATION_STARTED = "termination_started"
    INSTANCE_TERMINATED = "instance_terminated"
    INSTANCE_STOPPED = "instance_stopped"
    NODE_LEFT = "node_left"
    TARGET_REGISTERED = "target_registered"
    TARGET_DEREGISTERED = "target_deregistered"
    TARGET_UNHEALTHY = "target_unhealthy"
    TARGET_BECAME_UNREACHABLE = "target_became_unreachable"
    TARGET_BECAME_REACHABLE = "target_became_reachable"
    POD_SCHEDULED = "pod_scheduled"
    POD_STARTED = "pod_started"
    POD_BECAME_READY = "pod_became_ready"
    POD_BECAME_UNREADY = "pod_became_unready"
    POD_DELETION_REQUESTED = "pod_deletion_requested"
    POD_EXITED = "pod_exited"
    CONTAINER_CRASHED = "container_crashed"
    CONTAINER_RESTARTED = "container_restarted"
    PROBE_FAILED = "probe_failed"
    ENDPOINTS_CHANGED = "endpoints_changed"
    SETTING_CHANGED = "setting_changed"
    ROUTING_CHANGED = "routing_changed"
    NETWORK_CHANGED = "network_changed"
    SCALING_DECIDED = "scaling_decided"
    OTHER = "other"


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

EVENTS = Table(
    "events",
    "observed change, as one source tells it",
    pa.schema(
        [
            column("event_id", TEXT, "hash of source, its own id and kind: stable", required=True),
            column("occurred_at", INSTANT, "when it happened", required=True),
            column("uncertainty_s", REAL, "it happened within occurred_at ± this", required=True),
            column("source", TEXT, "autoscaling, ec2, elbv2, cloudtrail, kubernetes, ...", required=True),
            column("kind", TEXT, "an EventKind", required=True),
            column("instance_id", TEXT, "EC2 instance"),
            column("private_ip", TEXT, "node address"),
            column("vpc_id", TEXT, "VPC of the address"),
            column("node_name", TEXT, "Kubernetes node"),
            column("node_group", TEXT, "role or group of the node, e.g. bulk-ingest"),
            column("pod_name", TEXT, "namespace/name"),
            column("pod_uid", TEXT, "uid of the pod"),
            column("pod_ip", TEXT, "pod address"),
            column("service", TEXT, "namespace/name of the service whose pods are meant"),
            column("target_group_arn", TEXT, "target group"),
            column("target_port", pa.int32(), "port of the target where the source names one"),
            column("asg_name", TEXT, "Auto Scaling group"),
            column("is_graceful", pa.bool_(), "drained first? NULL when unknown"),
            column("reason", TEXT, "class of reason: scale_in, unhealthy, spot, OOMKilled, ..."),
            column("detail", TEXT, "sentence or text as the source has it"),
            column("source_ref", TEXT, "file (and record) it was read from", required=True),
        ]
    ),
)

COVERAGE = Table(
    "coverage",
    "source and span that it really observed",
    pa.schema(
        [
            column("source", TEXT, "scaling_activities, cloudtrail, pods, kube_events, ...", required=True),
            column("covered_from", INSTANT, "start of the span", required=True),
            column("covered_to", INSTANT, "end of the span", required=True),
            column("source_ref", TEXT, "file it was read from", required=True),
        ]
    ),
)

SETTINGS = Table(
    "settings",
    "setting and interval in which it was in force",
    pa.schema(
        [
            column("resource", TEXT, "ARN, or kind/namespace/name in Kubernetes", required=True),
            column("setting", TEXT, "name as AWS or Kubernetes has it", required=True),
            column("value", TEXT, "value as text", required=True),
            column("valid_from", INSTANT, "NULL: since before anything we know"),
            column("valid_to", INSTANT, "NULL: until now"),
            column("source", TEXT, "where it was read", required=True),
        ]
    ),
)

METRICS = Table(
    "metrics",
    "load balancer or target group, CloudWatch metric and minute",
    pa.schema(
        [
            column("elb", TEXT, "resource id of the load balancer, app/name/id", required=True),
            column("target_group", TEXT, "targetgroup/name/id; NULL: the load balancer as a whole"),
            column("metric", TEXT, "name as CloudWatch has it, e.g. HTTPCode_ELB_502_Count", required=True),
            column("minute", INSTANT, "start of the minute", required=True),
            column("value", REAL, "count, or hosts", required=True),
        ]
    ),
)

LIFETIMES = Table(
    "lifetimes",
    "node or pod, and the interval in which it held its address",
    pa.schema(
        [
            column("lifetime_id", TEXT, "stable id", required=True),
            column("kind", TEXT, "node or pod", required=True),
            column("private_ip", TEXT, "address held: of the node, or of the pod"),
            column("vpc_id", TEXT, "VPC of the address"),
            column("instance_id", TEXT, "EC2 instance (of the pod's node for a pod)"),
            column("node_name", TEXT, "Kubernetes node (the node of the pod for a pod)"),
            column("node_group", TEXT, "role or group of the node"),
            column("asg_name", TEXT, "Auto Scaling group"),
            column("pod_name", TEXT, "namespace/name"),
            column("pod_uid", TEXT, "uid of the pod"),
            column("service", TEXT, "namespace/name of the service that selects the pod"),
            column("joined_at", INSTANT, "start of the interval; NULL: before anything we know"),
            column("joined_uncertainty_s", REAL, "joined within ± this"),
            column("joined_known_by", TEXT, "source of joined_at; logs = inferred from the first line"),
            column("joined_event_id", TEXT, "event that says so"),
            column("ready_at", INSTANT, "when it could serve: node or pod Ready, target registered"),
            column("drain_started_at", INSTANT, "deregistration, cordon or delete request; NULL: none seen"),
            column("drain_known_by", TEXT, "source of drain_started_at"),
            column("drain_event_id", TEXT, "event that says so"),
            column("left_at", INSTANT, "end of the interval; NULL: still there"),
            column("left_uncertainty_s", REAL, "left within ± this"),
            column("left_known_by", TEXT, "source of left_at; logs = inferred from the last line"),
            column("left_event_id", TEXT, "event that says so"),
            column("left_reason", TEXT, "scale_in, spot, unhealthy, crash, deleted, ...; NULL: unknown"),
            column("is_graceful", pa.bool_(), "drained before it left? NULL when unknown"),
        ]
    ),
)

ATTRIBUTIONS = Table(
    "attributions",
    "gateway error (502 or 504), exactly one",
    pa.schema(
        [
            column("request_id", TEXT, "stable id from object key and line number", required=True),
            column("trace_id", TEXT, "as in the log"),
            column("time", INSTANT, "when the load balancer answered", required=True),
            column("elb", TEXT, "load balancer"),
            column("elb_status_code", pa.int16(), "502 or 504", required=True),
            column("target_ip", TEXT, "target address in the log"),
            column("target_port", pa.int32(), "target port in the log"),
            column("target_group_arn", TEXT, "target group"),
            column("failure_class", TEXT, "what failed, from the line alone", required=True),
            column("cause", TEXT, "id of the cause", required=True),
            column("confidence", REAL, "probability of the cause", required=True),
            column("runner_up", TEXT, "next best cause"),
            column("runner_up_confidence", REAL, "its probability"),
            column("event_id", TEXT, "event through which the cause acts"),
            column("lag_s", REAL, "s from the event to the failure; negative: before it"),
            column("evidence", TEXT, "a sentence", required=True),
            column("missing_sources", TEXT, "comma list of sources that did not cover the instant"),
            column("is_provisional", pa.bool_(), "so young that late events may change it", required=True),
            column("remedy", TEXT, "what to change", required=True),
            column("object_key", TEXT, "object that held the line", required=True),
            column("line_number", pa.int32(), "1-based line", required=True),
            column("tool_version", TEXT, "version that decided", required=True),
            column("causes_hash", TEXT, "hash of the cause files that decided", required=True),
        ]
    ),
)

CANDIDATES = Table(
    "candidates",
    "gateway error × cause (× event)",
    pa.schema(
        [
            column("request_id", TEXT, "gateway error", required=True),
            column("cause", TEXT, "id of the cause", required=True),
            column("cluster_id", TEXT, "event, episode or background that could have made it", required=True),
            column("rate_group", TEXT, "errors that share one unknown rate", required=True),
            column("event_id", TEXT, "event in `events`"),
            column("lag_s", REAL, "s from the event to the failure"),
            column("exposure", REAL, "events, or requests, in the cluster", required=True),
            column("support", REAL, "evidence in lines that are no errors, as errors", required=True),
            column("class_share", REAL, "share of the error's class among those of the cause", required=True),
            column("log_likelihood", REAL, "ln of the density per second and target", required=True),
            column("evidence", TEXT, "a sentence", required=True),
            column("log_rate", REAL, "ln of the rate that the incident taught", required=True),
            column(
                "log_prior", REAL, "its part from before the incident: ln of the prior rate", required=True
            ),
            column("log_class", REAL, "its part from the classes of the event's other errors", required=True),
            column(
                "probability",
                REAL,
                "exp(log_likelihood + log_rate) over its sum for the error",
                required=True,
            ),
        ]
    ),
)

KEEPALIVE_ESTIMATES = Table(
    "keepalive_estimates",
    "target group with a connection that was closed under a request",
    pa.schema(
        [
            column("target_group_arn", TEXT, "target group", required=True),
            column("timeout_s", REAL, "s after which its servers close idle connections; NULL: cannot tell"),
            column("low", REAL, "lower end of the 95 % interval, s"),
            column("high", REAL, "upper end, s"),
            column("servers", TEXT, "servers whose default lies in the interval; NULL: none does"),
            column("closes", WHOLE, "502s whose connection was found closed", required=True),
            column("errors", WHOLE, "those on quiet pairs that no event explains", required=True),
            column("errors_at_timeout", WHOLE, "those with the timeout's own pause", required=True),
            column("exposure", WHOLE, "requests whose pauses they are compared with", required=True),
            column("hazard_ratio", REAL, "errors per request at the timeout, over those at other pauses"),
            column("verdict", TEXT, "estimated or cannot_tell", required=True),
            column("idle_timeout_s", REAL, "the load balancer's own idle timeout, s", required=True),
            column("is_idle_timeout_known", pa.bool_(), "read from settings? else the default of 60 s"),
            column("is_race_possible", pa.bool_(), "does the server close first, or at the same time?"),
            column("reason", TEXT, "why it cannot be told"),
        ]
    ),
)

KEEPALIVE_HAZARD = Table(
    "keepalive_hazard",
    "target group and tenth of a second that its pairs had been idle",
    pa.schema(
        [
            column("target_group_arn", TEXT, "target group", required=True),
            column("pause_s", REAL, "pause on the pair, s, rounded down to a tenth", required=True),
            column("requests", WHOLE, "requests that found their pair idle for so long", required=True),
            column("errors", WHOLE, "of them, those whose connection was found closed", required=True),
        ]
    ),
)

CHECKS = Table(
    "checks",
    "cause with events × target group: do errors follow the events?",
    pa.schema(
        [
            column("cause", TEXT, "id of the cause", required=True),
            column("target_group_arn", TEXT, "target group", required=True),
            column("events", WHOLE, "its events that could touch the target group", required=True),
            column("n_in", WHOLE, "incidents (errors within 2 s are one) near an event", required=True),
            column("n_out", WHOLE, "the other incidents", required=True),
            column("exposure_in", REAL, "requests near an event", required=True),
            column("exposure_out", REAL, "the other requests", required=True),
            column("rr", REAL, "rate ratio near to elsewhere; half an incident lent to each side"),
            column("lo", REAL, "lower end of its exact 95 % interval", required=True),
            column("hi", REAL, "upper end; NULL: unbounded"),
            column("p_exact", REAL, "chance of as many near events if these did nothing", required=True),
            column("p_permutation", REAL, "the same with the events moved around the span", required=True),
            column(
                "p_placebo", REAL, "the same where there can be no effect: should be large", required=True
            ),
            column("q", REAL, "false discovery rate over all checks; NULL: not testable"),
            column(
                "verdict",
                TEXT,
                "lifted, common_driver, no_lift, always_near, insufficient_data",
                required=True,
            ),
            column("sentence", TEXT, "the finding in words", required=True),
        ]
    ),
)

DOSE_RESPONSES = Table(
    "dose_responses",
    "target group × node group whose size changed: does the error rate follow the number of nodes?",
    pa.schema(
        [
            column("target_group_arn", TEXT, "target group", required=True),
            column("node_group", TEXT, "group of nodes", required=True),
            column("bins", WHOLE, "stretches of time that are compared", required=True),
            column("bin_s", REAL, "length of each, s", required=True),
            column("least_nodes", WHOLE, "smallest number of nodes", required=True),
            column("most_nodes", WHOLE, "largest number of nodes", required=True),
            column("errors", WHOLE, "gateway errors in all", required=True),
            column("ratio_per_node", REAL, "factor on the error rate per node more (Poisson regression)"),
            column("rho", REAL, "rank correlation of error rate and nodes", required=True),
            column("p_permutation", REAL, "chance of one as strong with the series moved", required=True),
            column("q", REAL, "false discovery rate over all pairs of groups", required=True),
            column("verdict", TEXT, "rises, falls or flat", required=True),
            column("sentence", TEXT, "the finding in words", required=True),
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
            column("parser_version", TEXT, "version of the parser", required=True),
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

TABLES = (
    REQUESTS,
    CONNECTIONS,
    HEALTH_CHECKS,
    REJECTED_LINES,
    OBJECTS,
    FIELD_LAYOUTS,
    EVENTS,
    COVERAGE,
    SETTINGS,
    METRICS,
    LIFETIMES,
    CANDIDATES,
    ATTRIBUTIONS,
    KEEPALIVE_ESTIMATES,
    KEEPALIVE_HAZARD,
    CHECKS,
    DOSE_RESPONSES,
)
