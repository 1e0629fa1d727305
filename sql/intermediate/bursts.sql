-- Grain: one row per gateway error that was cut together with at least two others of its target group
-- (of its target, where targets are pods) at one instant. Whatever closes many connections at once is
-- one process that ended, with or without a record of it.

with

cut as (

    select
        request_id,
        failed_at,
        target_group_arn || case when target_type = 'ip' then ' ' || target_ip else '' end as place
    from gateway_errors
    where failure_class in ('closed_at_once', 'closed_midway')

),

steps as (

    select
        *,
        case
            when seconds_between(
                lag(failed_at) over (partition by place order by failed_at, request_id), failed_at
            ) <= 0.3 then 0
            else 1
        end as is_start
    from cut

),

numbered as (

    select
        *,
        sum(is_start) over (
            partition by place
            order by failed_at, request_id
            rows between unbounded preceding and current row
        ) as burst
    from steps

),

sized as (

    select
        place,
        burst,
        count(*) as errors,
        min(failed_at) as started_at,
        seconds_between(min(failed_at), max(failed_at)) as span_s
    from numbered
    group by place, burst
    having count(*) >= 3

),

surroundings as (

    -- How dense cut requests lie ten minutes around: by chance alone, three could coincide there.
    select
        sized.place,
        sized.burst,
        count(cut.request_id) filter (where abs(seconds_between(sized.started_at, cut.failed_at)) > 5.0)
            as others
    from sized
    left join cut
        on
            sized.place = cut.place
            and cut.failed_at between seconds_after(sized.started_at, -600.0)
            and seconds_after(sized.started_at, 600.0)
    group by sized.place, sized.burst

)

select
    numbered.request_id,
    sized.place || ' ' || text_of(sized.started_at) as burst_id,
    sized.errors,
    sized.started_at,
    sized.span_s,
    -- Odds of chance: the density around, over the burst's own stretch.
    (surroundings.others + 0.5) / 1190.0 * (sized.span_s + 0.3) as expected_by_chance
from numbered
inner join sized
    on
        numbered.place = sized.place
        and numbered.burst = sized.burst
inner join surroundings
    on
        sized.place = surroundings.place
        and sized.burst = surroundings.burst
