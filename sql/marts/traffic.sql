-- Grain: one row per minute of the window and target: requests, and those that ended as a gateway error.

select
    elb,
    target_group_arn,
    target_ip,
    cast(sum(requests) as bigint) as requests,
    cast(sum(gateway_errors) as bigint) as gateway_errors,
    start_of_minute(minute) as minute
from pair_minutes
where
    ($since is null or minute >= minute_of(cast($since as timestamptz)))
    and ($until is null or start_of_minute(minute) < $until)
group by minute, elb, target_group_arn, target_ip
