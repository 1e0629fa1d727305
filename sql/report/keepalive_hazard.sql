-- Grain: one row per target group whose timeout is told and tenth of a second of pause.

select
    keepalive_hazard.target_group_arn,
    keepalive_hazard.pause_s,
    keepalive_hazard.requests,
    keepalive_hazard.errors
from keepalive_hazard
inner join keepalive_estimates
    on
        keepalive_hazard.target_group_arn = keepalive_estimates.target_group_arn
        and keepalive_estimates.verdict = 'estimated'
order by keepalive_hazard.target_group_arn asc, keepalive_hazard.pause_s asc
