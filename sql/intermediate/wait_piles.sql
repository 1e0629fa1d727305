-- Grain: one row per request that was cut midway after 2.5 s or more (no server's default timeout is
-- shorter): on how many other moments of its target group a request
-- was cut after as long a wait (within 2 %). A timeout of the target's own cuts at one constant wait;
-- crashes and drains cut requests of any age at one instant, and so count as one moment each.

with

cut as (

    select
        request_id,
        target_group_arn,
        waited_s,
        cast(floor(ln(waited_s) / 0.02) as integer) as bin,
        minute_of(failed_at) as moment
    from gateway_errors
    where failure_class = 'closed_midway' and waited_s >= 2.5

),

moments as (

    -- One cut with several others at once teaches as little as one.
    select
        target_group_arn,
        moment,
        bin,
        1.0 / sum(count(*)) over (partition by target_group_arn, moment) as weight
    from cut
    group by target_group_arn, moment, bin

),

totals as (

    select
        target_group_arn,
        count(distinct moment) as moments
    from cut
    group by target_group_arn

),

near as (

    select
        cut.request_id,
        sum(moments.weight) as moments_alike
    from cut
    inner join moments
        on
            cut.target_group_arn = moments.target_group_arn
            and moments.bin between cut.bin - 1 and cut.bin + 1
            and cut.moment <> moments.moment
    group by cut.request_id

)

select
    cut.request_id,
    coalesce(near.moments_alike, 0.0) as moments_alike,
    totals.moments - 1 as other_moments,
    -- Density of the wait, per unit of its logarithm, as the other moments teach it (each spread over three
    -- bins), against the broad one of any wait from 2.5 s to an hour.
    ((coalesce(near.moments_alike, 0.0) / 0.06) + 2.0 / 8.0) / (totals.moments - 1 + 2.0) / (1.0 / 8.0)
        as pile_ratio
from cut
inner join totals
    on cut.target_group_arn = totals.target_group_arn
left join near
    on cut.request_id = near.request_id
