-- /// finding
-- id = "keepalive_below_idle_timeout"
-- title = "The servers close idle connections before the load balancer does"
-- severity = "error"
-- causes = ["keepalive_race"]
-- needs = ["idle_timeout.timeout_seconds"]
-- change = "Let the servers behind {name} keep idle connections for {wanted} s, instead of the {current} s seen in the log, and restart them"
-- cli = "uvicorn --timeout-keep-alive {wanted} (gunicorn --keep-alive {wanted}; nginx keepalive_timeout {wanted}s; Jetty jetty.http.idleTimeout={wanted}000; Node.js server.keepAliveTimeout = {wanted}000)"
-- terraform = "kubernetes_deployment: args = [\"--timeout-keep-alive\", \"{wanted}\"], or the flag of your server"
-- kubectl = "kubectl patch deployment NAME --type json -p '[{{\"op\":\"add\",\"path\":\"/spec/template/spec/containers/0/args/-\",\"value\":\"--timeout-keep-alive={wanted}\"}}]'"
-- ///
--
-- Whoever closes last never meets a request on its way. The servers' timeout is inferred from the pauses
-- before errors, so it is said only where it could be told; the load balancer's is a setting. Lowering that
-- one instead would cut every answer that takes longer.

select
    keepalive_estimates.target_group_arn as resource,
    keepalive_estimates.target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    printf('%.4g', keepalive_estimates.timeout_s) as current_value,
    printf('%.0f', keepalive_estimates.idle_timeout_s + 5.0) as wanted_value,
    printf(
        'servers close after %.4g s (%.4g to %.4g, from %d errors); '
        || 'the load balancer keeps connections for %.0f s',
        keepalive_estimates.timeout_s,
        keepalive_estimates.low,
        keepalive_estimates.high,
        keepalive_estimates.errors_at_timeout,
        keepalive_estimates.idle_timeout_s
    ) as evidence
from keepalive_estimates
where keepalive_estimates.verdict = 'estimated' and keepalive_estimates.is_race_possible
