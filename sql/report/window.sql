-- Grain: one row in all.
-- What the report looked at: the span of the traffic, its requests that reached a target, and the gateway errors in it.

with

traffic_seen as (

    select
        cast(coalesce(sum(traffic.requests), 0) as bigint) as requests,
        min(traffic.minute) as first_at,
        max(traffic.minute) as last_minute
    from traffic

),

errors_seen as (

    select count(*) as gateway_errors
    from attributions

)

select
    traffic_seen.first_at,
    traffic_seen.requests,
    errors_seen.gateway_errors,
    seconds_after(traffic_seen.last_minute, 60) as last_at
from traffic_seen
cross join errors_seen
