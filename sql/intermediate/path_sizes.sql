-- Grain: one row per target group and path: mean bytes of a request and its response, from every
-- fiftieth line (by line number, so that the same logs give the same sample).

select
    target_group_arn,
    path_of(request_url) as path,
    avg(sent_bytes) as mean_sent_bytes
from requests
where
    line_number % 50 = 0
    and target_status_code is not null
    and target_group_arn is not null
group by all
