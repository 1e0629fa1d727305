"""What each gateway error was caused by, and what else it might have been."""

import pyarrow as pa

from pipeline.model.tables import INSTANT, REAL, TEXT, Table, column

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
