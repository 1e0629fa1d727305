-- Grain: one row per target group and pod that answered its requests under an address of its own, with how many. Who
-- held the address is told as of each minute: it may have been another's before.

select
    pair_minutes.target_group_arn,
    lifetimes.service,
    lifetimes.pod_uid,
    lifetimes.pod_name,
    lifetimes.joined_at,
    sum(pair_minutes.requests) as requests
from pair_minutes
inner join lifetimes
    on
        pair_minutes.target_ip = lifetimes.private_ip
        and lifetimes.kind = 'pod'
        and (lifetimes.joined_at is null or start_of_minute(pair_minutes.minute) >= lifetimes.joined_at)
        and (lifetimes.left_at is null or start_of_minute(pair_minutes.minute) < lifetimes.left_at)
group by
    pair_minutes.target_group_arn,
    lifetimes.service,
    lifetimes.pod_uid,
    lifetimes.pod_name,
    lifetimes.joined_at
