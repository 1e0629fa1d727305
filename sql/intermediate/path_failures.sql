-- Grain: one row per target group and path that kept failing after the request had been dispatched: at three
-- moments or more, from its first failure to its last. Only paths of which the sample holds hardly any
-- answer in between are counted exactly.

with

failed as (

    select
        target_group_arn,
        path,
        failed_at,
        failure_class,
        minute_of(failed_at) as moment
    from gateway_errors
    where failure_class in ('closed_at_once', 'closed_midway', 'no_answer', 'other') and target_ip is not null

),

persistent as (

    select
        target_group_arn,
        path,
        count(*) as errors,
        min(failed_at) as first_at,
        max(failed_at) as last_at
    from failed
    group by target_group_arn, path
    having count(distinct moment) >= 3

),

suspects as (

    select
        persistent.target_group_arn,
        persistent.path,
        persistent.errors,
        persistent.first_at,
        persistent.last_at
    from persistent
    left join path_samples
        on
            persistent.target_group_arn = path_samples.target_group_arn
            and persistent.path = path_samples.path
            and path_samples.block > block_of(persistent.first_at)
            and path_samples.block < block_of(persistent.last_at)
    group by
        persistent.target_group_arn, persistent.path,
        persistent.errors, persistent.first_at, persistent.last_at
    having coalesce(sum(path_samples.answers), 0) * 53 <= persistent.errors + 53

),

blocks as (

    select distinct
        target_group_arn,
        unnest(generate_series(block_of(first_at), block_of(last_at))) as block
    from suspects

),

near as (

    -- Only of these are paths cut out.
    select
        requests.target_group_arn,
        requests.request_url,
        requests.time
    from requests
    inner join blocks
        on
            requests.target_group_arn = blocks.target_group_arn
            and block_of(requests.time) = blocks.block
    where
        requests.target_status_code is not null
        and requests.elb_status_code not in (502, 504)

),

answered as (

    select
        suspects.target_group_arn,
        suspects.path,
        count(*) as answers
    from suspects
    inner join near
        on
            suspects.target_group_arn = near.target_group_arn
            and suspects.path = path_of(near.request_url)
            and near.time between suspects.first_at and suspects.last_at
    group by suspects.target_group_arn, suspects.path

)

select
    suspects.target_group_arn,
    suspects.path,
    suspects.errors,
    coalesce(answered.answers, 0) as answers,
    suspects.first_at,
    suspects.last_at
from suspects
left join answered
    on
        suspects.target_group_arn = answered.target_group_arn
        and suspects.path = answered.path
where coalesce(answered.answers, 0) * 9 <= suspects.errors
