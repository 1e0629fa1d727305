-- Grain: one row per load balancer in the window, the busiest first: when it was seen, and its account and
-- region, as its target groups or else the names of its log objects tell them.

select
    elb,
    min(time) as first_seen_at,
    max(time) as last_seen_at,
    coalesce(
        max(nullif(split_part(target_group_arn, ':', 5), '')),
        max(nullif(regexp_extract(object_key, '([0-9]{12})_elasticloadbalancing_', 1), ''))
    ) as account,
    coalesce(
        max(nullif(split_part(target_group_arn, ':', 4), '')),
        max(nullif(regexp_extract(object_key, '[0-9]{12}_elasticloadbalancing_([a-z0-9-]+)_', 1), ''))
    ) as region
from requests
where
    elb is not null
    and ($since is null or time >= $since)
    and ($until is null or time < $until)
group by elb
order by count(*) desc, elb asc
