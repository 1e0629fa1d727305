-- Grain: one row per candidate of a gateway error, with the terms of its probability.

select
    cause,
    cluster_id,
    event_id,
    lag_s,
    evidence,
    log_likelihood,
    log_rate,
    log_prior,
    log_class
from candidates
where request_id = $request_id
order by probability desc, cause asc, cluster_id asc
