-- Grain: one row per minute and target: requests, and those that ended as a gateway error.

select
    elb,
    target_group_arn,
    target_ip,
    cast(sum(requests) as bigint) as requests,
    cast(sum(gateway_errors) as bigint) as gateway_errors,
    make_timestamptz(minute * 60000000) as minute
from pair_minutes
group by minute, elb, target_group_arn, target_ip
