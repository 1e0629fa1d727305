-- /// cause
-- id = "h2_goaway"
-- title = "An HTTP/2 connection to the target reached its maximum age"
-- statuses = [502]
-- rate = "steady"
-- ceiling = "medium"
-- needs = ["gateway_errors", "target_groups"]
-- sources = []
-- remedy = "Raise the server's maximum connection age and its grace above the longest request: grpc MAX_CONNECTION_AGE and MAX_CONNECTION_AGE_GRACE, Envoy max_connection_duration with drain_timeout, nginx keepalive_requests and keepalive_time"
-- ///
--
-- Only behind target groups of version HTTP2 or GRPC: the server closes a connection that it thinks old enough while
-- streams are still being opened on it. It follows traffic and no event. Not verified in a laboratory: never above
-- medium.

select
    request_id,
    target_group_arn as cluster_id,
    target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(target_rate)
    + case failure_class when 'closed_at_once' then ln(0.5) else ln(0.1) end as log_likelihood,
    printf(
        'cut %.0f ms after dispatch on a connection of version %s, which servers close by age',
        1000.0 * waited_s, protocol_version
    ) as evidence
from gateway_errors
where protocol_version in ('HTTP2', 'GRPC') and failure_class in ('closed_at_once', 'closed_midway')

union all

select
    null as request_id,
    target_group_arn as cluster_id,
    target_group_arn as rate_group,
    null as event_id,
    null as lag_s,
    cast(requests as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    1e-5 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from target_groups
where protocol_version in ('HTTP2', 'GRPC')
