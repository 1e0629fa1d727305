-- Grain: one row per bucket of time with traffic.
-- What the errors of a bucket are a share of.

with

placed as (

    select
        traffic.requests,
        traffic.gateway_errors,
        bucket_start(traffic.minute, $bucket_minutes) as bucket_at
    from traffic

)

select
    placed.bucket_at,
    cast(sum(placed.requests) as bigint) as requests,
    cast(sum(placed.gateway_errors) as bigint) as gateway_errors
from placed
group by placed.bucket_at
order by placed.bucket_at asc
