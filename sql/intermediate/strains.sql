-- Grain: one row per target group and stretch of minutes under strain: the typical answer took twice the
-- group's usual or more, for at least half of its requests on their targets, while the load of those rose: the requests
-- that the target of a typical request had, be it that more came or that few targets were left to them. A dependency
-- that hangs, one sick target, or a zone that went dark, is no strain.

with

by_group as (

    select
        target_group_arn,
        minute,
        any_value(elb) as elb,
        count(*) as targets,
        sum(requests) as requests,
        sum(requests * requests) / sum(requests) as load,
        sum(answered) as answered,
        sum(log_answer_s) / greatest(sum(answered), 1) as log_answer_s,
        sum(slow_connects) as slow_connects
    from target_minutes
    where target_group_arn is not null
    group by target_group_arn, minute

),

usual as (

    select
        target_group_arn,
        quantile_cont(load, 0.5) as load,
        quantile_cont(requests, 0.5) as requests,
        quantile_cont(log_answer_s, 0.5) as log_answer_s
    from by_group
    where answered >= 10
    group by target_group_arn

),

slowed as (

    -- Targets whose own typical answer is clearly above the group's usual, 1.5 times or more.
    select
        target_minutes.target_group_arn,
        target_minutes.minute,
        count(*) as targets,
        sum(target_minutes.requests) as requests
    from target_minutes
    inner join usual
        on target_minutes.target_group_arn = usual.target_group_arn
    where
        target_minutes.answered > 0
        and target_minutes.log_answer_s / target_minutes.answered >= usual.log_answer_s + ln(1.5)
    group by target_minutes.target_group_arn, target_minutes.minute

),

strained as (

    select
        by_group.target_group_arn,
        by_group.minute,
        by_group.targets,
        by_group.slow_connects,
        by_group.requests,
        slowed.targets as slowed_targets,
        by_group.load / usual.load as load_ratio,
        exp(by_group.log_answer_s - usual.log_answer_s) as answer_ratio,
        case
            when
                by_group.minute - lag(by_group.minute) over (
                    partition by by_group.target_group_arn
                    order by by_group.minute
                ) <= 3
                then 0
            else 1
        end as is_start
    from by_group
    inner join usual
        on by_group.target_group_arn = usual.target_group_arn
    inner join slowed
        on
            by_group.target_group_arn = slowed.target_group_arn
            and by_group.minute = slowed.minute
    where
        by_group.answered >= 20
        and by_group.targets >= 2
        and slowed.requests * 2 >= by_group.requests
        -- By more than the scatter of so many answers and requests.
        and by_group.log_answer_s >= usual.log_answer_s + greatest(ln(2.0), 5.0 / sqrt(by_group.answered))
        and by_group.load >= usual.load * (1.3 + 3.0 / sqrt(usual.load * by_group.targets))
        and (
            -- A crowd or few targets for all, or a zone that went dark?
            by_group.requests >= usual.requests * (1.3 + 3.0 / sqrt(usual.requests))
            or by_group.load >= 2.0 * usual.load
            or not exists (
                select 1
                from zone_outages
                where
                    by_group.elb = zone_outages.elb
                    and by_group.minute between zone_outages.first_minute and zone_outages.last_minute + 1
            )
        )

),

numbered as (

    select
        *,
        sum(is_start) over (
            partition by target_group_arn
            order by minute
            rows between unbounded preceding and current row
        ) as stretch
    from strained

)

select
    target_group_arn,
    'strain ' || target_group_arn || ' ' || cast(min(minute) as varchar) as strain_id,
    start_of_minute(min(minute)) as started_at,
    start_of_minute(max(minute) + 1) as ended_at,
    max(load_ratio) as load_ratio,
    max(answer_ratio) as answer_ratio,
    max(targets) as targets,
    max(slowed_targets) as slowed_targets,
    cast(sum(slow_connects) as bigint) as slow_connects,
    sum(requests) as requests
from numbered
group by target_group_arn, stretch
