-- Grain: one row per load balancer, zone and stretch of minutes in which that zone failed: on three in four of
-- its targets that were asked (on half, where it was three in four of its machines: in a few seconds not every
-- target opens a connection), three or more, on two machines or more, at five times the share of errors that the
-- other zones had, which took two fifths of the requests or more. One machine, or one target group, is no zone,
-- and where all zones fail, none did.

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
    where
        by_zone.failing_machines >= 2
        and by_balancer.requests - by_zone.requests >= 0.4 * by_balancer.requests
        and by_zone.errors * (by_balancer.requests - by_zone.requests)
        >= 5.0 * (by_balancer.errors - by_zone.errors) * by_zone.requests

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
