-- Grain: one row per gateway error that waited in vain, for an answer or to connect: did the target answer others
-- meanwhile (on connections that it had), did its host on any port, is its path known to be slow, and did clients of the
-- path give up before the load balancer?

with

waiting as (

    select
        request_id,
        elb,
        target_group_arn,
        target_ip,
        target_port,
        path,
        -- What is answered at first had been on its way.
        seconds_after(
            dispatched_at, case when failure_class = 'no_answer' then 5.0 else 1.0 end
        ) as counted_from,
        -- The last SYN is sent 7 s after the first: what becomes reachable later is too late for it.
        case
            when failure_class = 'no_answer' then failed_at
            else least(failed_at, seconds_after(dispatched_at, 7.0))
        end as counted_to,
        unnest(generate_series(minute_of(dispatched_at), minute_of(failed_at))) as minute
    from error_lines
    where failure_class in ('no_answer', 'connect_timeout', 'tls_timeout')

),

answered_meanwhile as (

    select
        waiting.request_id,
        count(*) filter (where waiting.target_port = requests.target_port) as answers,
        count(*) as host_answers
    from waiting
    inner join requests
        on
            waiting.elb = requests.elb
            and waiting.target_ip = requests.target_ip
            and waiting.minute = minute_of(requests.time)
            and requests.time between waiting.counted_from and waiting.counted_to
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
    coalesce(answered_meanwhile.host_answers, 0) as host_answers_meanwhile,
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
where error_lines.failure_class in ('no_answer', 'connect_timeout', 'tls_timeout')
