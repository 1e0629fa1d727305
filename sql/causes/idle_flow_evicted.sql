-- /// cause
-- id = "idle_flow_evicted"
-- title = "The network had forgotten the idle connection"
-- statuses = [504]
-- rate = "steady"
-- ceiling = "medium"
-- needs = ["backgrounds", "gateway_errors"]
-- sources = []
-- remedy = "Lower idle_timeout.timeout_seconds of the load balancer ({idle_timeout_s} s) below 350 s, or raise TcpEstablishedTimeout in the ConnectionTrackingSpecification of the target's network interface"
-- ///
--
-- Connection tracking forgets an established flow after 350 s without a packet (Nitro v6 instances): a request on a
-- pooled connection that idled longer meets silence until the idle timeout is over. Only possible where that timeout
-- is above 350 s, and only as the first request after a long pause. Not verified in a laboratory: never above medium.

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
    ln(target_rate) + ln(0.5)
    -- How rarely ordinary requests of so busy a pair follow so long a pause.
    + least(350.0 * pair_rate, 7.0) as log_likelihood,
    printf('first request on its pair after %.0f s; flows are tracked for 350 s', gap_s) as evidence
from gateway_errors
where
    failure_class = 'no_answer'
    and gap_s between 350.0 and idle_timeout_s

union all

select * replace (1e-6 as prior_rate)
from backgrounds
