-- Grain: one row per target and stretch of traffic without a pause of ten minutes.
-- What the log itself knows of a target's life, for targets that no source covers.

with

gaps as (

    select
        target_group_arn,
        target_ip,
        target_port,
        minute,
        requests,
        answered,
        last_answered_at,
        first_seen_at,
        last_seen_at,
        minute - lag(minute) over (
            partition by target_group_arn, target_ip, target_port
            order by minute
        ) as minutes_since_last
    from pair_minutes

),

stretches as (

    select
        *,
        sum(case when minutes_since_last > 10 then 1 else 0 end) over (
            partition by target_group_arn, target_ip, target_port
            order by minute
            rows between unbounded preceding and current row
        ) as stretch
    from gaps

)

select
    target_group_arn,
    target_ip,
    target_port,
    min(first_seen_at) as first_seen_at,
    -- A dead target still collects errors, in the minute of its last answer, too: it lived until it last answered.
    -- (WebSockets alone tell less: their lines are written when they close.)
    coalesce(
        max(last_answered_at), max(last_seen_at) filter (where answered > 0), min(first_seen_at)
    ) as last_seen_at,
    cast(sum(requests) as bigint) as requests
from stretches
group by target_group_arn, target_ip, target_port, stretch
