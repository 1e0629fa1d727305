-- Grain: one row per target group and path: mean bytes of a request and of its response.

select
    target_group_arn,
    path,
    sum(received_bytes) / sum(answers) as mean_received_bytes,
    sum(sent_bytes) / sum(answers) as mean_sent_bytes
from path_samples
where answers > 0
group by target_group_arn, path
