-- Grain: one row per check of a cause that is a candidate of the gateway error, for its target group.

select
    checks.cause,
    checks.verdict,
    checks.sentence
from gateway_errors
inner join checks
    on gateway_errors.target_group_arn = checks.target_group_arn
inner join candidates
    on
        gateway_errors.request_id = candidates.request_id
        and checks.cause = candidates.cause
where gateway_errors.request_id = $request_id
group by checks.cause, checks.verdict, checks.sentence
order by checks.cause asc
