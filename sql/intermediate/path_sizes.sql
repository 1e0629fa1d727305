-- Grain: one row per target group and path: mean bytes of a request and of its response, and typical ones of a
-- request: sizes scatter over orders of magnitude, so that is their geometric mean.

select
    target_group_arn,
    path,
    sum(received_bytes) / sum(answers) as mean_received_bytes,
    sum(sent_bytes) / sum(answers) as mean_sent_bytes,
    exp(sum(log_received_bytes) / sum(answers)) as typical_received_bytes
from path_samples
where answers > 0
group by target_group_arn, path
