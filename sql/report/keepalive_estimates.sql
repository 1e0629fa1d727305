-- Grain: one row per target group with connections that were closed under a request; those told first.

select keepalive_estimates.*
from keepalive_estimates
order by
    keepalive_estimates.verdict desc, keepalive_estimates.errors_at_timeout desc,
    keepalive_estimates.target_group_arn asc
