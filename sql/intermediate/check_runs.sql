-- Grain: one row per load balancer node, target and run of health checks that it answered, or did not.
-- A run ends where the outcome changes, or where nothing was checked for ten minutes: twice the longest
-- interval that can be set. Of a target that flaps, only the first twenty changes of an hour end a run.

with

told as (

    select
        elb,
        elb_node_ip,
        target_group_id,
        target_ip,
        target_port,
        time,
        object_key,
        line_number,
        reason_code,
        -- A wrong answer is an answer: the target was reached.
        case
            when status = 'PASS' then true
            when reason_code in ('TimedOut', 'RequestTimedOut', 'ConnectionTimedOut', 'ConnectionReset')
                then false
            else
                status_code is not null
                or coalesce(reason_code, '') in (
                    'ResponseCodeMismatch',
                    'ResponseStringMismatch',
                    'TargetError',
                    'GRPCStatusHeaderEmpty',
                    'GRPCUnexpectedStatus'
                )
        end as is_reachable
    from health_checks
    where
        target_ip is not null
        and status in ('PASS', 'FAIL')
        -- The load balancer's own trouble says nothing about the target.
        and coalesce(reason_code, '') <> 'InternalError'

),

neighbours as (

    select
        *,
        lag(is_reachable) over (
            partition by elb, elb_node_ip, target_group_id, target_ip, target_port
            order by time, object_key, line_number
        ) as was_reachable,
        lag(time) over (
            partition by elb, elb_node_ip, target_group_id, target_ip, target_port
            order by time, object_key, line_number
        ) as checked_before_at,
        min(time) over (partition by elb, elb_node_ip) as node_watched_from
    from told

),

changes as (

    select
        *,
        case
            when checked_before_at is null then 1
            when is_reachable <> was_reachable then 1
            when seconds_between(checked_before_at, time) > 600.0 then 1
            else 0
        end as is_change
    from neighbours

),

counted as (

    select
        *,
        sum(is_change) over (
            partition by elb, elb_node_ip, target_group_id, target_ip, target_port, minute_of(time) // 60
            order by time, object_key, line_number
            rows between unbounded preceding and current row
        ) as changes_in_hour
    from changes

),

starts as (

    select
        *,
        is_change = 1 and changes_in_hour <= 20 as is_start
    from counted

),

numbered as (

    select
        *,
        sum(case when is_start then 1 else 0 end) over (
            partition by elb, elb_node_ip, target_group_id, target_ip, target_port
            order by time, object_key, line_number
            rows between unbounded preceding and current row
        ) as run
    from starts

)

select
    elb,
    elb_node_ip,
    target_group_id,
    target_ip,
    target_port,
    bool_or(is_reachable) filter (where is_start) as is_reachable,
    bool_or(was_reachable) filter (where is_start) as was_reachable,
    max(checked_before_at) filter (where is_start) as checked_before_at,
    max(reason_code) filter (where is_start) as reason_code,
    max(object_key) filter (where is_start) as object_key,
    max(line_number) filter (where is_start) as line_number,
    min(time) as first_at,
    max(time) as last_at,
    count(*) as checks,
    sum(is_change) as changes,
    min(node_watched_from) as node_watched_from
from numbered
group by elb, elb_node_ip, target_group_id, target_ip, target_port, run
order by first_at asc, object_key asc, line_number asc
limit 200000
