-- Grain: one row per check of a cause against a target group: the surest lifts first, findings of none after.

select checks.*
from checks
order by
    case checks.verdict
        when 'lifted' then 1
        when 'common_driver' then 2
        when 'no_lift' then 3
        when 'always_near' then 4
        else 5
    end asc,
    checks.lo desc,
    checks.cause asc,
    checks.target_group_arn asc
