-- Grain: one row per gateway error that waited for an answer in vain: did the target answer others
-- meanwhile, is its path known to be slow, and did clients of the path give up before the load balancer?

with

waiting as (

    select
        request_id,
        target_group_arn,
        target_ip,
        target_port,
        path,
        dispatched_at,
        failed_at,
        unnest(generate_series(minute_of(dispatched_at), minute_of(failed_at))) as minute
    from error_lines
    where failure_class = 'no_answer'

),

answered_meanwhile as (

    select
        waiting.request_id,
        count(*) as answers
    from waiting
    inner join requests
        on
            waiting.target_ip = requests.target_ip
            and waiting.target_port = requests.target_port
            and waiting.minute = minute_of(requests.time)
            and requests.time between seconds_after(waiting.dispatched_at, 5.0) and waiting.failed_at
            and requests.target_status_code is not null
    group by waiting.request_id

),

slow_paths as (

    select
        target_group_arn,
        path_of(request_url) as path,
        count(*) as slow_answers
    from requests
    where target_processing_time >= 10.0 and target_status_code is not null
    group by all

),

clients_gone as (

    -- A client whose own timeout is shorter leaves first: the same slowness, logged as 460.
    select
        target_group_arn,
        path_of(request_url) as path,
        block_of(time) as block,
        count(*) as clients
    from requests
    where elb_status_code = 460 and request_processing_time >= 0.0
    group by all

)

select
    error_lines.request_id,
    coalesce(answered_meanwhile.answers, 0) as answers_meanwhile,
    coalesce(slow_paths.slow_answers, 0) as slow_answers_on_path,
    coalesce(clients_gone.clients, 0) as clients_gone_on_path
from error_lines
left join answered_meanwhile
    on error_lines.request_id = answered_meanwhile.request_id
left join slow_paths
    on
        error_lines.target_group_arn = slow_paths.target_group_arn
        and error_lines.path = slow_paths.path
left join clients_gone
    on
        error_lines.target_group_arn = clients_gone.target_group_arn
        and error_lines.path = clients_gone.path
        and block_of(error_lines.failed_at) = clients_gone.block
where error_lines.failure_class = 'no_answer'
