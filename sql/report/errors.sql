-- Grain: one row per gateway error.
-- The table of evidence, in the order of time.

select
    attributions.request_id,
    attributions.trace_id,
    attributions.time,
    attributions.elb_status_code,
    attributions.target_ip,
    attributions.target_port,
    attributions.cause,
    attributions.confidence,
    attributions.runner_up,
    attributions.runner_up_confidence,
    attributions.event_id,
    attributions.lag_s,
    attributions.evidence,
    attributions.missing_sources,
    attributions.object_key,
    attributions.line_number,
    attributions.failure_class,
    gateway_errors.elb_node_ip,
    gateway_errors.duration_s,
    gateway_errors.waited_s,
    gateway_errors.gap_s,
    gateway_errors.request_verb,
    gateway_errors.path
from attributions
left join gateway_errors on attributions.request_id = gateway_errors.request_id
order by attributions.time asc, attributions.request_id asc
