-- Grain: one row per target group, path and ten minutes: answered requests in a sample of one in 53, their
-- bytes (and their logarithms), and all WebSockets. Paths are costly to cut out, so it is done once, and only for these.

select
    target_group_arn,
    path_of(request_url) as path,
    block_of(time) as block,
    count(*) filter (where type not in ('ws', 'wss')) as answers,
    count(*) filter (where type in ('ws', 'wss')) as sockets,
    sum(received_bytes) filter (where type not in ('ws', 'wss')) as received_bytes,
    sum(sent_bytes) filter (where type not in ('ws', 'wss')) as sent_bytes,
    sum(ln(greatest(received_bytes, 1))) filter (where type not in ('ws', 'wss')) as log_received_bytes
from requests
where
    (in_sample(time, 53) or type in ('ws', 'wss'))
    and target_status_code is not null
    and elb_status_code not in (502, 504)
    and target_group_arn is not null
group by all
