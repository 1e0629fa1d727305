-- Grain: one row per target group and stretch in which the connection ended without an answer, request after
-- request: two minutes or more in which that was the fate of half, or one in which it was that of nine in ten, with
-- the minutes around in which it became so and ceased. (Kept connections to pods of the former version go on answering
-- for a while.)
-- Or a target group that never answered at all.

with

closes as (

    select
        target_group_arn,
        minute_of(failed_at) as minute,
        count(*) as closes
    from gateway_errors
    where failure_class in ('closed_at_once', 'closed_midway') and target_group_arn is not null
    group by target_group_arn, minute_of(failed_at)

),

asked as (

    select
        target_group_arn,
        minute,
        sum(requests) as requests
    from target_minutes
    where target_group_arn is not null
    group by target_group_arn, minute

),

failing as (

    select
        closes.target_group_arn,
        closes.minute,
        closes.closes,
        asked.requests,
        case
            when
                closes.minute - lag(closes.minute) over (
                    partition by closes.target_group_arn
                    order by closes.minute
                ) <= 3
                then 0
            else 1
        end as is_start
    from closes
    inner join asked
        on
            closes.target_group_arn = asked.target_group_arn
            and closes.minute = asked.minute
    where closes.closes * 10 >= asked.requests

),

numbered as (

    select
        *,
        sum(is_start) over (
            partition by target_group_arn
            order by minute
            rows between unbounded preceding and current row
        ) as stretch
    from failing

)

select
    numbered.target_group_arn,
    'dead ' || numbered.target_group_arn || ' ' || cast(min(numbered.minute) as varchar) as spell_id,
    min(numbered.minute) as first_minute,
    max(numbered.minute) as last_minute,
    sum(numbered.requests) as requests,
    sum(numbered.closes) as closes,
    count(*) filter (where numbered.closes * 2 >= numbered.requests) as dead_minutes
from numbered
inner join target_groups
    on numbered.target_group_arn = target_groups.target_group_arn
group by numbered.target_group_arn, numbered.stretch, target_groups.answered, target_groups.requests
having
    (
        count(*) filter (where numbered.closes * 2 >= numbered.requests) >= 2
        and sum(numbered.closes) filter (where numbered.closes * 2 >= numbered.requests) >= 20
    )
    or max(numbered.closes) filter (where numbered.closes * 10 >= numbered.requests * 9) >= 20
    or (target_groups.answered = 0 and target_groups.requests >= 10)
