-- /// cause
-- id = "target_generated"
-- title = "The target itself answered 502 or 504"
-- statuses = [502, 504]
-- rate = "fixed"
-- needs = ["gateway_errors"]
-- sources = []
-- remedy = "Look one hop down: the target (an inner nginx, Envoy or ingress) answered this status itself; read its error log for the same trace id"
-- ///
--
-- The load balancer logs the target's own status: it only passed the answer on.

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
    'the target answered ' || cast(elb_status_code as varchar) || ' itself after '
    || printf('%.3f s', waited_s) as evidence
from gateway_errors
where failure_class = 'target_answered'
