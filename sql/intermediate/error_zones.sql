-- Grain: one row per gateway error whose target's availability zone is known, with what else failed and was
-- asked in its target group within the same minute, in its zone and outside.

with

zones as (

    select
        lifetimes.lifetime_id,
        max(settings.value) as zone
    from lifetimes
    inner join settings
        on
            settings.setting = 'availability_zone'
            and (
                settings.resource = 'node/' || lifetimes.node_name
                or settings.resource = 'instance/' || lifetimes.instance_id
            )
    group by lifetimes.lifetime_id

),

targets as (

    -- Addresses are reused, zones are subnets: an address stays in its zone.
    select
        lifetimes.private_ip,
        max(zones.zone) as zone
    from lifetimes
    inner join zones
        on lifetimes.lifetime_id = zones.lifetime_id
    where lifetimes.private_ip is not null
    group by lifetimes.private_ip

),

zone_minutes as (

    select
        target_minutes.target_group_arn,
        target_minutes.minute,
        targets.zone,
        sum(target_minutes.requests) as requests,
        sum(target_minutes.gateway_errors) as errors,
        count(*) filter (where target_minutes.gateway_errors > 0) as failing_targets
    from target_minutes
    inner join targets
        on target_minutes.target_ip = targets.private_ip
    where target_minutes.target_group_arn is not null
    group by target_minutes.target_group_arn, target_minutes.minute, targets.zone

),

group_minutes as (

    select
        target_group_arn,
        minute,
        sum(requests) as requests,
        sum(errors) as errors
    from zone_minutes
    group by target_group_arn, minute

)

select
    gateway_errors.request_id,
    targets.zone,
    zone_minutes.minute,
    zone_minutes.requests as zone_requests,
    zone_minutes.errors as zone_errors,
    zone_minutes.failing_targets,
    group_minutes.requests as all_requests,
    group_minutes.errors as all_errors
from gateway_errors
inner join targets
    on gateway_errors.target_ip = targets.private_ip
inner join zone_minutes
    on
        gateway_errors.target_group_arn = zone_minutes.target_group_arn
        and targets.zone = zone_minutes.zone
        and minute_of(gateway_errors.failed_at) = zone_minutes.minute
inner join group_minutes
    on
        gateway_errors.target_group_arn = group_minutes.target_group_arn
        and minute_of(gateway_errors.failed_at) = group_minutes.minute
