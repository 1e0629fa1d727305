-- Grain: one row: a gateway error with its verdict.

select
    gateway_errors.*,
    attributions.cause,
    attributions.confidence,
    attributions.runner_up,
    attributions.runner_up_confidence,
    attributions.evidence,
    attributions.missing_sources,
    attributions.remedy,
    causes.title
from gateway_errors
inner join attributions
    on gateway_errors.request_id = attributions.request_id
left join causes
    on attributions.cause = causes.id
where gateway_errors.request_id = $request_id
