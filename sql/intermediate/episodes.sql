-- Grain: one row per gateway error that never connected, and episode it could belong to: the stretch of such
-- errors (pauses of at most 30 s) of its target, of its host in all target groups, and of its whole target
-- group (when network or load are at fault, old targets fail with young ones). With the requests that fell
-- into the stretch, and how many targets failed in it.

with

ports as (

    select distinct
        target_minutes.target_group_arn,
        target_minutes.target_ip,
        target_minutes.target_port,
        -- Within account, region and VPC an address is one machine.
        concat_ws(
            ' ',
            split_part(target_minutes.target_group_arn, ':', 5),
            split_part(target_minutes.target_group_arn, ':', 4),
            target_groups.vpc_id,
            target_minutes.target_ip
        ) as host
    from target_minutes
    inner join target_groups
        on target_minutes.target_group_arn = target_groups.target_group_arn

),

places as (

    select
        'target' as scope,
        target_group_arn,
        target_ip,
        target_port,
        target_group_arn || ' ' || target_ip || ':' || cast(target_port as varchar) as place
    from ports

    union all

    select
        'group' as scope,
        target_group_arn,
        target_ip,
        target_port,
        target_group_arn as place
    from ports

    union all

    -- A host with one port is its target.
    select
        'host' as scope,
        target_group_arn,
        target_ip,
        target_port,
        host as place
    from ports
    qualify count(*) over (partition by host) > 1

),

failed as (

    select
        gateway_errors.request_id,
        gateway_errors.failure_class,
        gateway_errors.failed_at,
        gateway_errors.target_ip || ':' || cast(gateway_errors.target_port as varchar) as target,
        places.scope,
        places.place
    from gateway_errors
    inner join places
        on
            gateway_errors.target_group_arn = places.target_group_arn
            and gateway_errors.target_ip = places.target_ip
            and gateway_errors.target_port = places.target_port
    where gateway_errors.failure_class in ('connect_timeout', 'tls_timeout', 'not_connected')

),

steps as (

    select
        *,
        case
            when seconds_between(
                lag(failed_at) over (
                    partition by scope, place, failure_class
                    order by failed_at, request_id
                ),
                failed_at
            ) <= 30.0 then 0
            else 1
        end as is_start
    from failed

),

numbered as (

    select
        *,
        sum(is_start) over (
            partition by scope, place, failure_class
            order by failed_at, request_id
            rows between unbounded preceding and current row
        ) as stretch
    from steps

),

stretches as (

    select
        scope,
        place,
        failure_class,
        stretch,
        count(*) as errors,
        count(distinct target) as targets,
        min(failed_at) as started_at,
        minute_of(min(failed_at)) as first_minute,
        minute_of(max(failed_at)) as last_minute,
        seconds_between(min(failed_at), max(failed_at)) as span_s
    from numbered
    group by scope, place, failure_class, stretch

),

traffic as (

    select
        places.scope,
        places.place,
        target_minutes.minute,
        sum(target_minutes.requests) as requests
    from target_minutes
    inner join places
        on
            target_minutes.target_group_arn = places.target_group_arn
            and target_minutes.target_ip = places.target_ip
            and target_minutes.target_port = places.target_port
    group by places.scope, places.place, target_minutes.minute

),

asked as (

    select
        stretches.scope,
        stretches.place,
        stretches.failure_class,
        stretches.stretch,
        sum(traffic.requests) as requests
    from stretches
    inner join traffic
        on
            stretches.scope = traffic.scope
            and stretches.place = traffic.place
            and traffic.minute between stretches.first_minute and stretches.last_minute
    group by
        stretches.scope,
        stretches.place,
        stretches.failure_class,
        stretches.stretch

),

exposed as (

    select
        stretches.*,
        -- Of the minutes that it touches, the stretch fills a part.
        greatest(
            asked.requests * least(
                (stretches.span_s + 10.0) / (60.0 * (stretches.last_minute - stretches.first_minute + 1)), 1.0
            ),
            stretches.errors
        ) as requests
    from stretches
    inner join asked
        on
            stretches.scope = asked.scope
            and stretches.place = asked.place
            and stretches.failure_class = asked.failure_class
            and stretches.stretch = asked.stretch

)

select
    gateway_errors.request_id,
    gateway_errors.target_group_arn,
    gateway_errors.failure_class,
    gateway_errors.target_protocol,
    gateway_errors.target_rate,
    gateway_errors.duration_s,
    gateway_errors.target_age_s,
    exposed.scope,
    exposed.targets,
    exposed.scope || ' ' || exposed.place || ' '
    || text_of(exposed.started_at) as episode_id,
    exposed.requests
from numbered
inner join gateway_errors
    on numbered.request_id = gateway_errors.request_id
inner join exposed
    on
        numbered.scope = exposed.scope
        and numbered.place = exposed.place
        and numbered.failure_class = exposed.failure_class
        and numbered.stretch = exposed.stretch
