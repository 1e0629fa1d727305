-- /// cause
-- id = "worker_abort"
-- title = "The target gave up on its own slow request at a fixed timeout"
-- statuses = [502]
-- rate = "steady"
-- ceiling = "medium"
-- needs = ["backgrounds", "gateway_errors", "wait_piles"]
-- sources = []
-- remedy = "Align the server's request timeout with the load balancer's idle_timeout.timeout_seconds ({idle_timeout_s} s): gunicorn --timeout (30 s), uWSGI harakiri, php-fpm request_terminate_timeout, Node.js server.requestTimeout, uWebSockets idleTimeout (10 s); or make the slow endpoint asynchronous"
-- ///
--
-- A worker that overruns the server's own timeout is killed, and its connection ends without an answer: always after
-- the same wait, below the idle timeout. The waits of such cuts pile up at one constant, at many instants; crashes and
-- drains cut requests of any age. One lone wait is no pile. The server's
-- configuration is not seen: never above medium.

select
    gateway_errors.request_id,
    gateway_errors.target_group_arn as cluster_id,
    gateway_errors.target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(gateway_errors.target_rate) + ln(0.5) + ln(wait_piles.pile_ratio) as log_likelihood,
    printf(
        'cut %.2f s after dispatch; so were others at %.0f of %d other moments with such cuts',
        gateway_errors.waited_s, wait_piles.moments_alike, wait_piles.other_moments
    ) as evidence
from gateway_errors
inner join wait_piles
    on gateway_errors.request_id = wait_piles.request_id
where
    wait_piles.moments_alike >= 1.5
    and gateway_errors.waited_s < gateway_errors.idle_timeout_s - 0.5

union all

select * replace (5e-7 as prior_rate)
from backgrounds
