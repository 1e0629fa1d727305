-- Grain: at most one row: what is known of the keep-alive timeout behind a gateway error's target group.

select keepalive_estimates.*
from gateway_errors
inner join keepalive_estimates
    on gateway_errors.target_group_arn = keepalive_estimates.target_group_arn
where gateway_errors.request_id = $request_id
