-- Grain: one row per gateway error: how busy its target, pair and target group were around it.
-- Rates are requests per second over the minute of the failure and two minutes either side.

with

minutes as (

    -- Errors come many to a minute: what their group was asked around it is counted once for all of them.
    select distinct
        target_group_arn,
        minute_of(began_at) as minute
    from error_lines

),

by_group as (

    select
        minutes.target_group_arn,
        minutes.minute,
        sum(target_minutes.requests) as group_requests,
        count(distinct target_minutes.target_ip || ':' || cast(target_minutes.target_port as varchar))
            as targets_serving
    from minutes
    inner join target_minutes
        on
            minutes.target_group_arn = target_minutes.target_group_arn
            and target_minutes.minute between minutes.minute - 2 and minutes.minute + 2
    group by minutes.target_group_arn, minutes.minute

),

by_target as (

    select
        error_lines.request_id,
        sum(target_minutes.requests) as target_requests,
        sum(target_minutes.slow_connects) as slow_connects
    from error_lines
    inner join target_minutes
        on
            error_lines.target_group_arn = target_minutes.target_group_arn
            and error_lines.target_ip = target_minutes.target_ip
            and error_lines.target_port = target_minutes.target_port
            and target_minutes.minute between minute_of(error_lines.began_at) - 2
            and minute_of(error_lines.began_at) + 2
    group by error_lines.request_id

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
    greatest(coalesce(by_group.group_requests, 1), 1) / 300.0 as group_rate,
    greatest(coalesce(by_pair.pair_requests, 1), 1) / 300.0 as pair_rate,
    greatest(coalesce(by_group.targets_serving, 1), 1) as targets_serving,
    coalesce(by_target.slow_connects, 0) as slow_connects
from error_lines
left join by_group
    on
        error_lines.target_group_arn = by_group.target_group_arn
        and minute_of(error_lines.began_at) = by_group.minute
left join by_target
    on error_lines.request_id = by_target.request_id
left join by_pair
    on error_lines.request_id = by_pair.request_id
