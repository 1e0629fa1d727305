-- Grain: one row per gateway error: how busy its target, pair and target group were around it.
-- Rates are requests per second over the minute of the failure and two minutes either side.

with

near_errors as (

    select
        error_lines.request_id,
        error_lines.target_ip,
        error_lines.target_port,
        target_minutes.target_ip as other_ip,
        target_minutes.target_port as other_port,
        target_minutes.requests,
        target_minutes.slow_connects,
        target_minutes.minute - minute_of(error_lines.began_at) as offset_min
    from error_lines
    inner join target_minutes
        on
            error_lines.target_group_arn = target_minutes.target_group_arn
            and target_minutes.minute between minute_of(error_lines.began_at) - 2
            and minute_of(error_lines.began_at) + 2

),

by_target as (

    select
        request_id,
        sum(requests) filter (where other_ip = target_ip and other_port = target_port) as target_requests,
        sum(slow_connects) filter (where other_ip = target_ip and other_port = target_port) as slow_connects,
        sum(requests) as group_requests,
        count(distinct other_ip || ':' || cast(other_port as varchar)) as targets_serving
    from near_errors
    group by request_id

),

by_pair as (

    select
        error_lines.request_id,
        sum(pair_minutes.requests) as pair_requests
    from error_lines
    inner join pair_minutes
        on
            error_lines.target_group_arn = pair_minutes.target_group_arn
            and error_lines.target_ip = pair_minutes.target_ip
            and error_lines.target_port = pair_minutes.target_port
            and error_lines.elb_node_ip is not distinct from pair_minutes.elb_node_ip
            and pair_minutes.minute between minute_of(error_lines.began_at) - 2
            and minute_of(error_lines.began_at) + 2
    group by error_lines.request_id

)

select
    error_lines.request_id,
    greatest(coalesce(by_target.target_requests, 1), 1) / 300.0 as target_rate,
    greatest(coalesce(by_target.group_requests, 1), 1) / 300.0 as group_rate,
    greatest(coalesce(by_pair.pair_requests, 1), 1) / 300.0 as pair_rate,
    greatest(coalesce(by_target.targets_serving, 1), 1) as targets_serving,
    coalesce(by_target.slow_connects, 0) as slow_connects
from error_lines
left join by_target
    on error_lines.request_id = by_target.request_id
left join by_pair
    on error_lines.request_id = by_pair.request_id
