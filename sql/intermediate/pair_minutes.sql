-- Grain: one row per minute, load balancer node and target: how much was asked of it, and how that went.
-- Everything that needs exposure reads this small table instead of the requests.

select
    minute_of(time) as minute,
    elb,
    elb_node_ip,
    target_group_arn,
    target_ip,
    target_port,
    count(*) as requests,
    count(target_status_code) as answered,
    count(*) filter (
        where elb_status_code in (502, 504) and target_status_code is null
    ) as gateway_errors,
    -- A SYN that was dropped once, twice or thrice before one got through: about 1, 3 or 7 s. Few requests take
    -- so long: the others are asked nothing more.
    count(*) filter (
        where
        case
            when request_processing_time >= 0.95
                then
                    target_status_code is not null
                    and (
                        request_processing_time <= 1.5
                        or request_processing_time between 2.95 and 3.5
                        or request_processing_time between 6.95 and 7.6
                    )
            else false
        end
    ) as slow_connects,
    min(target_processing_time) filter (
        where target_status_code is not null and target_processing_time >= 0
    ) as fastest_answer_s,
    -- The typical answer is their geometric mean: one slow request does not make a slow minute.
    sum(ln(greatest(target_processing_time, 0.001))) filter (
        where target_status_code is not null and target_processing_time >= 0
    ) as log_answer_s,
    sum(received_bytes) as received_bytes,
    sum(sent_bytes) as sent_bytes,
    -- A WebSocket's line is written when it closes, long after its answer.
    max(time) filter (
        where target_status_code is not null and type not in ('ws', 'wss')
    ) as last_answered_at,
    min(time) as first_seen_at,
    max(time) as last_seen_at
from requests
where target_ip is not null
group by all
