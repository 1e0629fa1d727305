-- Grain: one row per cause and lag of five seconds, from a minute before an event to five minutes after.
-- Every pair of an error and an event of a kind that its cause cites; and the same with all events moved
-- by an hour, where nothing can be but coincidence. A cause shows as a peak that the moved events lack.

with

cited as (

    select distinct
        attributions.cause,
        events.kind
    from attributions
    inner join events on attributions.event_id = events.event_id

),

of_cause as (

    select
        cited.cause,
        events.occurred_at
    from events
    inner join cited on events.kind = cited.kind

),

moved as (

    select
        of_cause.cause,
        of_cause.occurred_at,
        false as is_moved
    from of_cause

    union all

    select
        of_cause.cause,
        seconds_after(of_cause.occurred_at, 3600.0) as occurred_at,
        true as is_moved
    from of_cause

),

lags as (

    select
        attributions.cause,
        moved.is_moved,
        seconds_between(moved.occurred_at, attributions.time) as lag_s
    from attributions
    inner join moved
        on
            attributions.cause = moved.cause
            and attributions.time between seconds_after(moved.occurred_at, -60.0)
            and seconds_after(moved.occurred_at, 300.0)

)

select
    lags.cause,
    cast(floor(lags.lag_s / 5.0) * 5.0 as bigint) as lag_from_s,
    cast(sum(case when lags.is_moved then 0 else 1 end) as bigint) as pairs,
    cast(sum(case when lags.is_moved then 1 else 0 end) as bigint) as moved_pairs
from lags
group by lags.cause, cast(floor(lags.lag_s / 5.0) * 5.0 as bigint)
order by lags.cause asc, lag_from_s asc
