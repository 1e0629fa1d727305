-- Grain: one row per load balancer in the window, the busiest first: when it was seen, and the region of its
-- target groups.

select
    elb,
    min(time) as first_seen_at,
    max(time) as last_seen_at,
    max(split_part(target_group_arn, ':', 4)) as region
from requests
where
    elb is not null
    and ($since is null or time >= $since)
    and ($until is null or time < $until)
group by elb
order by count(*) desc, elb asc
