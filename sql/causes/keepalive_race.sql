-- /// cause
-- id = "keepalive_race"
-- title = "The server closed an idle connection just as it was used again"
-- statuses = [502]
-- rate = "steady"
-- needs = ["backgrounds", "gateway_errors", "idle_gap_fits"]
-- sources = []
-- remedy = "Set the server's keep-alive idle timeout to at least {safe_keepalive_s} s, 5 s above the load balancer's idle_timeout.timeout_seconds of {idle_timeout_s} s (Node.js server.keepAliveTimeout and headersTimeout, uvicorn --timeout-keep-alive, Jetty http.idleTimeout, nginx keepalive_timeout, ...), and restart it"
-- ///
--
-- The target's idle timer fires while a request is on its way: the connection ends within a round trip.
-- No event is involved. `idle_gap_fits` tells how well the pause on this pair of load balancer node and
-- target fits one server timeout (ratio to what traffic alone would give).

select
    gateway_errors.request_id,
    gateway_errors.target_group_arn as cluster_id,
    gateway_errors.target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    -- Which of the forms a load balancer logs is not settled: the group's own mix is learnt.
    case gateway_errors.failure_class
        when 'closed_at_once' then 0.80
        when 'not_connected' then 0.15
        else 0.05
    end as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(gateway_errors.target_rate)
    -- A busy event loop closes late; one that wakes from a freeze, much later.
    + case
        when
            gateway_errors.failure_class = 'closed_midway'
            and gateway_errors.waited_s > gateway_errors.immediate_s + 0.1
            then ln(0.04)
        else 0.0
    end
    + coalesce(idle_gap_fits.log_ratio, 0.0) as log_likelihood,
    case gateway_errors.failure_class
        when 'not_connected' then 'connection already gone'
        else printf('closed %.0f ms after dispatch', 1000.0 * gateway_errors.waited_s)
    end
    || coalesce(
        printf('; pair idle for %.1f s', gateway_errors.gap_s),
        '; first request on its pair for over ten minutes'
    )
    || coalesce('; ' || idle_gap_fits.sentence, '') as evidence
from gateway_errors
left join idle_gap_fits
    on gateway_errors.request_id = idle_gap_fits.request_id
where
    gateway_errors.failure_class in ('closed_at_once', 'not_connected', 'closed_midway')
    -- HTTP/2 and gRPC share few connections among all requests: pauses tell nothing, see h2_goaway.
    and gateway_errors.protocol_version not in ('HTTP2', 'GRPC')
    -- The load balancer itself closes a connection that idles for its own timeout.
    and (gateway_errors.gap_s is null or gateway_errors.gap_s <= gateway_errors.idle_timeout_s + 1.0)

union all

select * replace (1e-5 as prior_rate)
from backgrounds
