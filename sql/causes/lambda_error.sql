-- /// cause
-- id = "lambda_error"
-- title = "The Lambda function failed"
-- statuses = [502, 504]
-- rate = "fixed"
-- needs = ["gateway_errors"]
-- sources = []
-- remedy = "Look up the error_reason in the function's CloudWatch log (permissions, throttling, response shape, 1 MB body limit, timeout) and fix the function"
-- ///
--
-- A Lambda target has no address; the load balancer names what went wrong in error_reason.

select
    request_id,
    'line' as cluster_id,
    'all' as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    0.0 as log_likelihood,
    'Lambda target, error_reason ' || error_reason as evidence
from gateway_errors
where failure_class = 'lambda'
