-- /// finding
-- id = "keepalive_below_idle_timeout"
-- title = "The servers close idle connections before the load balancer does"
-- severity = "error"
-- causes = ["keepalive_race"]
-- needs = ["idle_timeout.timeout_seconds", "keep_alive_timeout_s", "keep_alive_option"]
-- change = "Let the servers behind {name} keep idle connections for {wanted} s, instead of {current} s, and restart them"
-- cli = "uvicorn --timeout-keep-alive {wanted} (gunicorn --keep-alive {wanted}; nginx keepalive_timeout {wanted}s; Jetty jetty.http.idleTimeout={wanted}000; Node.js server.keepAliveTimeout = {wanted}000)"
-- terraform = "kubernetes_deployment: args = [\"--timeout-keep-alive\", \"{wanted}\"], or the flag of your server"
-- kubectl = "kubectl patch deployment NAME --type json -p '[{{\"op\":\"add\",\"path\":\"/spec/template/spec/containers/0/args/-\",\"value\":\"--timeout-keep-alive={wanted}\"}}]'"
-- ///
--
-- Whoever closes last never meets a request on its way. The servers' timeout is inferred from the pauses
-- before errors where it could be told; else it is what the newest pods declare in their arguments or
-- environment, of targets of type ip that answered most requests. What the log shows wins over what is
-- declared, and the evidence says where they differ. The load balancer's is a setting; where it was not
-- collected, nothing is said of what is only declared. Lowering that one instead would cut every answer
-- that takes longer.

with

declarations as (

    select
        resource,
        max(case when setting = 'keep_alive_timeout_s' then try_cast(value as double) end) as timeout_s,
        max(case when setting = 'keep_alive_option' then value end) as declared_by
    from settings
    where setting in ('keep_alive_timeout_s', 'keep_alive_option')
    group by resource

),

declaring as (

    select
        served_pods.target_group_arn,
        served_pods.joined_at,
        declarations.timeout_s,
        declarations.declared_by,
        sum(served_pods.requests) over (partition by served_pods.target_group_arn) as requests
    from served_pods
    inner join declarations
        on
            declarations.resource = 'pod/' || served_pods.pod_uid
            or declarations.resource = 'pod/' || served_pods.pod_name
    where declarations.timeout_s is not null

),

newest as (

    select
        declaring.target_group_arn,
        declaring.timeout_s,
        declaring.declared_by
    from declaring
    inner join target_groups on declaring.target_group_arn = target_groups.target_group_arn
    where
        target_groups.target_type = 'ip'
        -- Targets of HTTP/2 and gRPC share one connection: no request waits for it to idle.
        and target_groups.protocol_version = 'HTTP1'
        and declaring.requests * 2 >= target_groups.requests
    qualify
        row_number() over (
            partition by declaring.target_group_arn
            order by declaring.joined_at desc nulls last, declaring.timeout_s desc, declaring.declared_by asc
        ) = 1

),

idle_timeouts as (

    select
        scope,
        try_cast(arg_max(value, valid_from) as double) as idle_timeout_s
    from scoped_settings
    where setting = 'idle_timeout.timeout_seconds'
    group by scope

),

-- Behind two load balancers the shorter one decides.
balancers as (

    select
        pair_minutes.target_group_arn,
        min(idle_timeouts.idle_timeout_s) as idle_timeout_s
    from pair_minutes
    inner join idle_timeouts on pair_minutes.elb = idle_timeouts.scope
    group by pair_minutes.target_group_arn

),

inferred as (

    select
        keepalive_estimates.target_group_arn,
        keepalive_estimates.timeout_s,
        keepalive_estimates.idle_timeout_s,
        printf(
            'servers close after %.4g s (%.4g to %.4g, from %d errors); '
            || 'the load balancer keeps connections for %.0f s',
            keepalive_estimates.timeout_s,
            keepalive_estimates.low,
            keepalive_estimates.high,
            keepalive_estimates.errors_at_timeout,
            keepalive_estimates.idle_timeout_s
        ) || case
            when newest.timeout_s is null then ''
            -- Some servers close up to a second late (Node.js), and all a moment.
            when newest.timeout_s between keepalive_estimates.low - 1.5 and keepalive_estimates.high + 0.5
                then printf('; the pods declare %.4g s (%s)', newest.timeout_s, newest.declared_by)
            else printf(
                '; the pods declare %.4g s (%s), which is not what the log shows',
                newest.timeout_s, newest.declared_by
            )
        end as evidence
    from keepalive_estimates
    left join newest on keepalive_estimates.target_group_arn = newest.target_group_arn
    where keepalive_estimates.verdict = 'estimated' and keepalive_estimates.is_race_possible

),

declared as (

    select
        newest.target_group_arn,
        newest.timeout_s,
        balancers.idle_timeout_s,
        printf(
            'the newest pods declare that they close after %.4g s (%s), which the log cannot tell; '
            || 'the load balancer keeps connections for %.0f s',
            newest.timeout_s,
            newest.declared_by,
            balancers.idle_timeout_s
        ) as evidence
    from newest
    inner join balancers on newest.target_group_arn = balancers.target_group_arn
    left join keepalive_estimates on newest.target_group_arn = keepalive_estimates.target_group_arn
    where
        coalesce(keepalive_estimates.verdict, 'cannot_tell') = 'cannot_tell'
        and newest.timeout_s <= balancers.idle_timeout_s
        -- gunicorn's sync workers ignore it and keep no connection: then none is found closed either.
        and (newest.declared_by <> '--keep-alive' or coalesce(keepalive_estimates.closes, 0) > 0)

),

found as (

    select * from inferred
    union all
    select * from declared

)

select
    found.target_group_arn as resource,
    found.target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    printf('%.4g', found.timeout_s) as current_value,
    printf('%.0f', found.idle_timeout_s + 5.0) as wanted_value,
    found.evidence
from found
