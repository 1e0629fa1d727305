"""What the errors show together: servers' timeouts, lift, dose and response."""

import pyarrow as pa

from pipeline.model.tables import REAL, TEXT, WHOLE, Table, column

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


PLACEBO_LEVEL = 0.01
"""A placebo with a smaller p-value rose."""

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
            column(
                "rr", REAL, "rate ratio near to elsewhere, hour by hour (Mantel-Haenszel); NULL: unbounded"
            ),
            column("lo", REAL, "lower end of its exact 95 % interval", required=True),
            column("hi", REAL, "upper end; NULL: unbounded"),
            column("p_exact", REAL, "chance of as many near events if these did nothing", required=True),
            column("p_permutation", REAL, "the same with the events moved around the span", required=True),
            column(
                "p_placebo",
                REAL,
                "the same where the events can do nothing (an hour before, other targets, the targets' own "
                "answers); small: something else is at work at that time",
                required=True,
            ),
            column("q", REAL, "false discovery rate over all checks; NULL: not testable"),
            column("attributable_errors", REAL, "errors that a lift accounts for, none twice; NULL: no lift"),
            column(
                "n_core", WHOLE, "incidents when the mechanism brings most of its errors; NULL: not stated"
            ),
            column("core_share", REAL, "share of the requests near an event that come then"),
            column("shape", TEXT, "as_told, elsewhere, unclear: do they come when the mechanism says?"),
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
