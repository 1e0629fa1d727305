-- Grain: one row per target group and node group whose size changed: the strongest relation first.

select dose_responses.*
from dose_responses
order by
    dose_responses.p_permutation asc, dose_responses.target_group_arn asc, dose_responses.node_group asc
