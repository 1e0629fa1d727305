-- Grain: one row per attempt of a suspect, by when the request began: all its failures, and all its answers in the
-- ten minutes around each. Paths are cut out in those blocks only.

with

-- Scanned twice: held in memory, ten million requests would take a gigabyte.
answered as not materialized (

    select
        requests.target_group_arn,
        requests.request_url,
        requests.client_ip,
        requests.target_processing_time as answer_s,
        coalesce(requests.request_creation_time, requests.time) as began_at,
        block_of(requests.time) as block
    from requests
    where
        requests.target_status_code is not null
        and requests.elb_status_code not in (502, 504)

),

of_clients as (

    select
        suspects.*,
        answered.began_at,
        answered.answer_s
    from answered
    inner join suspects
        on
            suspects.kind = 'client'
            and answered.target_group_arn = suspects.target_group_arn
            and answered.block = suspects.block
            and answered.client_ip = suspects.name

),

of_paths as (

    select
        suspects.*,
        near.began_at,
        near.answer_s
    from (
        select
            answered.target_group_arn,
            answered.block,
            path_of(answered.request_url) as path,
            answered.began_at,
            answered.answer_s
        from answered
        where
            (answered.target_group_arn, answered.block) in (
                select (suspects.target_group_arn, suspects.block)
                from suspects
                where suspects.kind = 'path'
            )
    ) as near
    inner join suspects
        on
            suspects.kind = 'path'
            and near.target_group_arn = suspects.target_group_arn
            and near.block = suspects.block
            and near.path = suspects.name

)

select
    named_failures.target_group_arn,
    named_failures.kind,
    named_failures.name,
    named_failures.block,
    named_failures.began_at,
    1 as failures,
    cast(null as double) as answer_s
from named_failures
inner join suspects
    on
        named_failures.target_group_arn = suspects.target_group_arn
        and named_failures.kind = suspects.kind
        and named_failures.name = suspects.name
        and named_failures.block = suspects.block

union all

select
    target_group_arn,
    kind,
    name,
    block,
    began_at,
    0 as failures,
    answer_s
from of_clients

union all

select
    target_group_arn,
    kind,
    name,
    block,
    began_at,
    0 as failures,
    answer_s
from of_paths
