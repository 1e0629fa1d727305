-- Grain: one row per minute and target, over all load balancer nodes.

select
    minute,
    elb,
    target_group_arn,
    target_ip,
    target_port,
    sum(requests) as requests,
    sum(answered) as answered,
    sum(gateway_errors) as gateway_errors,
    sum(slow_connects) as slow_connects,
    coalesce(sum(log_answer_s), 0.0) as log_answer_s
from pair_minutes
group by minute, elb, target_group_arn, target_ip, target_port
