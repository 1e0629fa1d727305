-- Grain: one row per minute and place of a check (a target group, or one target where targets are pods):
-- its requests, the exposure.

select
    target_minutes.target_group_arn,
    case when check_groups.are_pods then target_minutes.target_ip end as target_ip,
    target_minutes.minute,
    cast(sum(target_minutes.requests) as bigint) as requests
from target_minutes
inner join check_groups
    on target_minutes.target_group_arn = check_groups.target_group_arn
where
    ($since is null or target_minutes.minute >= minute_of(cast($since as timestamptz)))
    and ($until is null or start_of_minute(target_minutes.minute) < $until)
group by all
