-- Grain: one row per load balancer node and target: requests, and requests per second while in use.

select
    target_group_arn,
    elb_node_ip,
    target_ip,
    target_port,
    cast(sum(requests) as bigint) as requests,
    sum(requests) / (60.0 * (max(minute) - min(minute) + 1)) as rate
from pair_minutes
where target_group_arn is not null
group by target_group_arn, elb_node_ip, target_ip, target_port
