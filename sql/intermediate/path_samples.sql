-- Grain: one row per target group, path and ten minutes: answered requests in a sample of one in
-- 53, and their bytes. Paths are costly to cut out.

select
    target_group_arn,
    path_of(request_url) as path,
    block_of(time) as block,
    count(*) as answers,
    sum(received_bytes) as received_bytes,
    sum(sent_bytes) as sent_bytes
from requests
where
    in_sample(time, 53)
    and target_status_code is not null
    and elb_status_code not in (502, 504)
    and target_group_arn is not null
group by all
