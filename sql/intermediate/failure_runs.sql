-- Grain: one row per run of failures of one path or one client of a target group: at three moments or more, with
-- hardly an answer in between (one in ten), while four in five of the others of the target group were answered.
-- What fails for everybody is about no path and no client.

with

counted as (

    select
        *,
        sum(1 - failures) over (
            partition by target_group_arn, kind, name
            order by began_at, failures
            rows between unbounded preceding and current row
        ) as answers_before
    from failing_attempts

),

steps as (

    select
        *,
        case
            when
                answers_before - lag(answers_before) over (
                    partition by target_group_arn, kind, name
                    order by began_at
                ) <= 2
                and block - lag(block) over (
                    partition by target_group_arn, kind, name
                    order by began_at
                ) <= 1
                then 0
            else 1
        end as is_start
    from counted
    where failures = 1

),

numbered as (

    select
        *,
        sum(is_start) over (
            partition by target_group_arn, kind, name
            order by began_at
            rows between unbounded preceding and current row
        ) as run
    from steps

),

runs as (

    select
        target_group_arn,
        kind,
        name,
        count(*) as errors,
        max(answers_before) - min(answers_before) as answers,
        min(began_at) as first_at,
        max(began_at) as last_at
    from numbered
    group by target_group_arn, kind, name, run
    having
        -- A crash or a drain cuts many at one moment.
        count(distinct epoch_us(began_at) // 5000000) >= 3
        and (max(answers_before) - min(answers_before)) * 9 <= count(*)

),

usual as (

    select
        target_group_arn,
        kind,
        name,
        quantile_cont(answer_s, 0.5) as answer_s
    from failing_attempts
    where answer_s >= 0.0
    group by target_group_arn, kind, name

),

around as (

    select
        runs.target_group_arn,
        runs.kind,
        runs.name,
        runs.first_at,
        sum(target_minutes.requests) as requests,
        sum(target_minutes.answered) as answered
    from runs
    inner join target_minutes
        on
            runs.target_group_arn = target_minutes.target_group_arn
            and target_minutes.minute between minute_of(runs.first_at) and minute_of(runs.last_at)
    group by runs.target_group_arn, runs.kind, runs.name, runs.first_at

)

select
    runs.*,
    usual.answer_s as usual_answer_s,
    runs.kind
    || ' '
    || runs.target_group_arn
    || ' '
    || runs.name
    || ' '
    || text_of(runs.first_at) as run_id
from runs
inner join around
    on
        runs.target_group_arn = around.target_group_arn
        and runs.kind = around.kind
        and runs.name = around.name
        and runs.first_at = around.first_at
left join usual
    on
        runs.target_group_arn = usual.target_group_arn
        and runs.kind = usual.kind
        and runs.name = usual.name
where
    around.answered > 0
    and around.answered * 5 >= (around.requests - runs.errors) * 4
