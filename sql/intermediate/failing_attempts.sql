-- Grain: one row per attempt of a suspect: a path, or a client, of a target group that failed at several moments
-- after dispatch, by when the request began. All its failures, and all its answers in the ten minutes around each. Paths are cut out only
-- where the sample holds few answers of theirs.

with

failed as (

    select
        target_group_arn,
        began_at,
        block_of(began_at) as block,
        unnest(['path', 'client']) as kind,
        unnest([path, client_ip]) as name
    from gateway_errors
    where failure_class in ('closed_at_once', 'closed_midway', 'no_answer', 'other') and target_ip is not null

),

by_block as (

    select
        failed.target_group_arn,
        failed.kind,
        failed.name,
        failed.block,
        count(*) as errors
    from failed
    where failed.name is not null
    group by failed.target_group_arn, failed.kind, failed.name, failed.block

),

suspects as (

    select
        by_block.target_group_arn,
        by_block.kind,
        by_block.name,
        by_block.block
    from by_block
    left join path_samples
        on
            by_block.kind = 'path'
            and by_block.target_group_arn = path_samples.target_group_arn
            and by_block.name = path_samples.path
            and by_block.block = path_samples.block
    inner join (
        select
            failed.target_group_arn,
            failed.kind,
            failed.name
        from failed
        group by failed.target_group_arn, failed.kind, failed.name
        having count(distinct minute_of(failed.began_at)) >= 2 and count(*) >= 3
    ) as persistent
        on
            by_block.target_group_arn = persistent.target_group_arn
            and by_block.kind = persistent.kind
            and by_block.name = persistent.name
    where coalesce(path_samples.answers, 0) * 53 <= by_block.errors * 10 + 53

),

near as (

    select
        requests.target_group_arn,
        requests.request_url,
        requests.client_ip,
        requests.time,
        coalesce(requests.request_creation_time, requests.time) as began_at,
        requests.target_processing_time
    from requests
    inner join (
        select distinct
            suspects.target_group_arn,
            suspects.block
        from suspects
    ) as blocks
        on
            requests.target_group_arn = blocks.target_group_arn
            and block_of(requests.time) = blocks.block
    where
        requests.target_status_code is not null
        and requests.elb_status_code not in (502, 504)

)

select
    failed.target_group_arn,
    failed.kind,
    failed.name,
    failed.block,
    failed.began_at,
    1 as failures,
    cast(null as double) as answer_s
from failed
inner join suspects
    on
        failed.target_group_arn = suspects.target_group_arn
        and failed.kind = suspects.kind
        and failed.name = suspects.name
        and failed.block = suspects.block

union all

select
    suspects.target_group_arn,
    suspects.kind,
    suspects.name,
    suspects.block,
    near.began_at,
    0 as failures,
    near.target_processing_time as answer_s
from suspects
inner join near
    on
        suspects.target_group_arn = near.target_group_arn
        and suspects.block = block_of(near.time)
        and suspects.kind = 'client'
        and suspects.name = near.client_ip

union all

select
    suspects.target_group_arn,
    suspects.kind,
    suspects.name,
    suspects.block,
    near.began_at,
    0 as failures,
    near.target_processing_time as answer_s
from suspects
inner join near
    on
        suspects.target_group_arn = near.target_group_arn
        and suspects.block = block_of(near.time)
        and suspects.kind = 'path'
        and suspects.name = path_of(near.request_url)
