-- Grain: one row per bucket of time with an answered request to a target that had errors.
-- How long targets took while errors came: a rise before them speaks of overload, a calm line of cuts.

with

troubled as (

    select distinct attributions.target_ip
    from attributions
    where attributions.target_ip is not null

)

select
    bucket_start(requests.time, $bucket_minutes) as bucket_at,
    count(*) as answered,
    approx_quantile(requests.target_processing_time, 0.5) as median_s,
    approx_quantile(requests.target_processing_time, 0.95) as p95_s,
    approx_quantile(requests.request_processing_time, 0.99) as p99_dispatch_s
from requests
inner join troubled on requests.target_ip = troubled.target_ip
where requests.target_processing_time >= 0 and requests.target_status_code is not null
group by bucket_start(requests.time, $bucket_minutes)
order by bucket_at asc
