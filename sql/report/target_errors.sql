-- Grain: one row per target, bucket of time and cause with at least one error, for the $row_limit worst targets.
-- One dark row is one bad target; one dark column is one bad moment for all of them.

with

worst as (

    select
        attributions.target_ip,
        count(*) as errors
    from attributions
    where attributions.target_ip is not null
    group by attributions.target_ip
    order by errors desc, attributions.target_ip asc
    limit $row_limit

)

select
    worst.target_ip,
    worst.errors as errors_of_target,
    bucket_start(attributions.time, $bucket_minutes) as bucket_at,
    attributions.cause,
    count(*) as errors
from attributions
inner join worst on attributions.target_ip = worst.target_ip
group by worst.target_ip, worst.errors, bucket_start(attributions.time, $bucket_minutes), attributions.cause
order by errors_of_target desc, worst.target_ip asc, bucket_at asc, attributions.cause asc
