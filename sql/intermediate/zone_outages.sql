-- Grain: one row per load balancer, zone and stretch of minutes in which that zone failed: on three in four of
-- its targets that were asked (on half, where it was three in four of its machines: in a few seconds not every
-- target opens a connection), three or more, on two machines or more, at five times the share of errors that the
-- other zones had, which took two fifths of the requests or more. One machine, or one target group, is no zone,
-- and where all zones fail, none did. But where most pods of a service were in the zone, nodes elsewhere fail to
-- reach them nearly as often: then the zone is told by its silence. Its machines answer nobody, the others do.

with

by_target as (

    select
        target_minutes.elb,
        target_minutes.minute,
        target_zones.zone,
        target_zones.machine,
        target_minutes.target_ip,
        target_minutes.target_port,
        target_minutes.requests,
        target_minutes.gateway_errors
    from target_minutes
    inner join target_zones
        on
            target_minutes.target_group_arn = target_zones.target_group_arn
            and target_minutes.target_ip = target_zones.target_ip

),

by_balancer as (

    select
        elb,
        minute,
        sum(requests) as requests,
        sum(gateway_errors) as errors
    from by_target
    group by elb, minute

),

by_zone as (

    select
        elb,
        minute,
        zone,
        sum(requests) as requests,
        sum(gateway_errors) as errors,
        count(distinct machine) filter (where gateway_errors > 0) as failing_machines
    from by_target
    group by elb, minute, zone

),

silences as (

    -- Machines that could not be connected to, and whether they answered others meanwhile.
    select
        gateway_errors.elb,
        target_zones.zone,
        minute_of(gateway_errors.began_at) as minute,
        count(distinct target_zones.machine) filter (where gateway_errors.host_answers_meanwhile = 0) as dark,
        count(distinct target_zones.machine) filter (where gateway_errors.host_answers_meanwhile > 0) as lit
    from gateway_errors
    inner join target_zones
        on
            gateway_errors.target_group_arn = target_zones.target_group_arn
            and gateway_errors.target_ip = target_zones.target_ip
    where gateway_errors.failure_class = 'connect_timeout'
    group by gateway_errors.elb, target_zones.zone, minute_of(gateway_errors.began_at)

),

darkness as (

    select
        elb,
        zone,
        minute,
        dark,
        lit,
        sum(dark) over (partition by elb, minute) - dark as other_dark,
        sum(lit) over (partition by elb, minute) - lit as other_lit
    from silences

),

suspect as (

    select
        by_zone.*,
        by_balancer.requests - by_zone.requests as other_requests,
        by_balancer.errors - by_zone.errors as other_errors,
        case
            when
                by_zone.minute - lag(by_zone.minute) over (
                    partition by by_zone.elb, by_zone.zone
                    order by by_zone.minute
                ) <= 3
                then 0
            else 1
        end as is_start
    from by_zone
    inner join by_balancer
        on
            by_zone.elb = by_balancer.elb
            and by_zone.minute = by_balancer.minute
    left join darkness
        on
            by_zone.elb = darkness.elb
            and by_zone.zone = darkness.zone
            and by_zone.minute = darkness.minute
    where
        by_zone.failing_machines >= 2
        and by_balancer.requests - by_zone.requests >= 0.4 * by_balancer.requests
        and by_zone.errors * (by_balancer.requests - by_zone.requests)
        >= case
            when darkness.dark >= 3 * darkness.lit and darkness.other_lit >= 3 * darkness.other_dark then 1.0
            else 5.0
        end
        * (by_balancer.errors - by_zone.errors) * by_zone.requests

),

numbered as (

    select
        *,
        sum(is_start) over (
            partition by elb, zone
            order by minute
            rows between unbounded preceding and current row
        ) as stretch
    from suspect

),

stretches as (

    select
        elb,
        zone,
        stretch,
        min(minute) as first_minute,
        max(minute) as last_minute,
        sum(requests) as requests,
        sum(errors) as errors,
        sum(other_requests) as other_requests,
        sum(other_errors) as other_errors
    from numbered
    group by elb, zone, stretch

),

targets as (

    select
        stretches.elb,
        stretches.zone,
        stretches.stretch,
        by_target.machine,
        sum(by_target.requests) as requests,
        sum(by_target.gateway_errors) as errors
    from stretches
    inner join by_target
        on
            stretches.elb = by_target.elb
            and stretches.zone = by_target.zone
            and by_target.minute between stretches.first_minute and stretches.last_minute
    group by
        stretches.elb,
        stretches.zone,
        stretches.stretch,
        by_target.machine,
        by_target.target_ip,
        by_target.target_port

),

members as (

    select
        elb,
        zone,
        stretch,
        count(distinct machine) as machines,
        count(distinct machine) filter (where errors > 0) as failing_machines,
        count(*) filter (where errors > 0) as failing_targets,
        count(*) filter (where requests >= 3) as asked_targets,
        count(*) filter (where requests >= 3 and errors > 0) as asked_failing_targets
    from targets
    group by elb, zone, stretch

)

select
    stretches.elb,
    stretches.zone,
    'zone '
    || stretches.elb
    || ' '
    || stretches.zone
    || ' '
    || cast(stretches.first_minute as varchar) as outage_id,
    stretches.first_minute,
    stretches.last_minute,
    stretches.requests,
    stretches.errors,
    stretches.other_requests,
    stretches.other_errors,
    members.machines,
    members.failing_machines,
    members.failing_targets
from stretches
inner join members
    on
        stretches.elb = members.elb
        and stretches.zone = members.zone
        and stretches.stretch = members.stretch
where
    members.failing_targets >= 3
    and members.failing_machines >= 2
    and (
        members.asked_failing_targets * 4 >= members.asked_targets * 3
        or (
            members.asked_failing_targets * 2 >= members.asked_targets
            and members.failing_machines * 4 >= members.machines * 3
        )
    )
    and stretches.errors >= 5
