-- Grain: one row per target group: its requests, as the exposure of a background of errors. The last part of a
-- cause file puts in what a request costs before anything is seen (`prior_rate`, which counts as half an
-- observed error), and `rate_group` 'all' where one rate holds for all target groups.

select
    cast(null as varchar) as request_id,
    cast(null as varchar) as cluster_id,
    target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    cast(requests as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    0.5 as prior_weight,
    cast(null as double) as log_likelihood,
    cast(null as varchar) as evidence
from target_groups
