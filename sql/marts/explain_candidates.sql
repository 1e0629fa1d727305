-- Grain: one row per candidate of a gateway error, most probable first. The rate is what the incident
-- taught; likelihood × rate, over the sum of all candidates, is the probability.

select
    cause,
    probability,
    log_likelihood,
    log_rate,
    lag_s,
    event_id,
    evidence
from candidates
where request_id = $request_id
order by probability desc, cause asc, cluster_id asc
