-- Grain: one row per target group with an error and minute: requests, and those that ended as a gateway error.

select
    target_minutes.target_group_arn,
    target_minutes.minute,
    cast(sum(target_minutes.requests) as bigint) as requests,
    cast(sum(target_minutes.gateway_errors) as bigint) as errors
from target_minutes
inner join check_groups
    on target_minutes.target_group_arn = check_groups.target_group_arn
where
    ($since is null or target_minutes.minute >= minute_of(cast($since as timestamptz)))
    and ($until is null or start_of_minute(target_minutes.minute) < $until)
group by target_minutes.target_group_arn, target_minutes.minute
