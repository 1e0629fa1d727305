-- Grain: one row per gateway error and episode it could belong to: the minute of its target, and the
-- minute of its whole target group (when network or load are at fault, old targets fail with young ones).

with

group_minutes as (

    select
        target_group_arn,
        minute,
        sum(requests) as requests
    from target_minutes
    group by target_group_arn, minute

)

select
    gateway_errors.request_id,
    gateway_errors.target_group_arn,
    gateway_errors.failure_class,
    gateway_errors.target_rate,
    gateway_errors.duration_s,
    gateway_errors.target_age_s,
    'target ' || gateway_errors.target_group_arn || ' ' || gateway_errors.target_ip
    || ':' || cast(gateway_errors.target_port as varchar)
    || ' ' || cast(target_minutes.minute as varchar) as episode_id,
    cast(target_minutes.requests as double) as requests
from gateway_errors
inner join target_minutes
    on
        gateway_errors.target_group_arn = target_minutes.target_group_arn
        and gateway_errors.target_ip = target_minutes.target_ip
        and gateway_errors.target_port = target_minutes.target_port
        and minute_of(gateway_errors.failed_at) = target_minutes.minute

union all

select
    gateway_errors.request_id,
    gateway_errors.target_group_arn,
    gateway_errors.failure_class,
    gateway_errors.target_rate,
    gateway_errors.duration_s,
    gateway_errors.target_age_s,
    'group ' || gateway_errors.target_group_arn || ' ' || cast(group_minutes.minute as varchar) as episode_id,
    cast(group_minutes.requests as double) as requests
from gateway_errors
inner join group_minutes
    on
        gateway_errors.target_group_arn = group_minutes.target_group_arn
        and minute_of(gateway_errors.failed_at) = group_minutes.minute
where gateway_errors.target_ip is not null
