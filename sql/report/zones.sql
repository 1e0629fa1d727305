-- Grain: one row per availability zone of the load balancer node and of the target, among requests that were
-- sent to a target. A zone that no source told is NULL.

with

balancer_zones as (

    select
        replace(settings.resource, 'elb_node/', '') as elb_node_ip,
        max(settings.value) as zone
    from settings
    where
        settings.setting = 'availability_zone'
        and settings.resource like 'elb_node/%'
    group by settings.resource

),

traffic_of_zones as (

    select
        balancer_zones.zone as balancer_zone,
        target_zones.zone as target_zone,
        cast(sum(pair_minutes.requests) as bigint) as requests
    from pair_minutes
    left join balancer_zones
        on pair_minutes.elb_node_ip = balancer_zones.elb_node_ip
    left join target_zones
        on
            pair_minutes.target_group_arn = target_zones.target_group_arn
            and pair_minutes.target_ip = target_zones.target_ip
    group by balancer_zones.zone, target_zones.zone

),

errors_of_zones as (

    select
        balancer_zones.zone as balancer_zone,
        target_zones.zone as target_zone,
        count(*) as errors
    from gateway_errors
    left join balancer_zones
        on gateway_errors.elb_node_ip = balancer_zones.elb_node_ip
    left join target_zones
        on
            gateway_errors.target_group_arn = target_zones.target_group_arn
            and gateway_errors.target_ip = target_zones.target_ip
    where gateway_errors.target_ip is not null
    group by balancer_zones.zone, target_zones.zone

)

select
    traffic_of_zones.balancer_zone,
    traffic_of_zones.target_zone,
    traffic_of_zones.requests,
    coalesce(errors_of_zones.errors, 0) as errors
from traffic_of_zones
left join errors_of_zones
    on
        traffic_of_zones.balancer_zone is not distinct from errors_of_zones.balancer_zone
        and traffic_of_zones.target_zone is not distinct from errors_of_zones.target_zone
order by traffic_of_zones.balancer_zone asc nulls last, traffic_of_zones.target_zone asc nulls last
