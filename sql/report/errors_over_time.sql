-- Grain: one row per bucket of time and cause with at least one error.
-- The bars of the main chart; each carries the sentence of its surest verdict for the hover.

with

placed as (

    select
        attributions.cause,
        attributions.evidence,
        attributions.elb_status_code,
        bucket_start(attributions.time, $bucket_minutes) as bucket_at,
        row_number() over (
            partition by bucket_start(attributions.time, $bucket_minutes), attributions.cause
            order by attributions.confidence desc, attributions.request_id asc
        ) as place
    from attributions

)

select
    placed.bucket_at,
    placed.cause,
    cast(sum(case when placed.elb_status_code = 504 then 1 else 0 end) as bigint) as errors_504,
    count(*) as errors,
    min(case when placed.place = 1 then placed.evidence end) as evidence
from placed
group by placed.bucket_at, placed.cause
order by placed.bucket_at asc, placed.cause asc
