-- /// cause
-- id = "malformed_response"
-- title = "The target's response was no valid HTTP"
-- statuses = [502]
-- rate = "episodic"
-- ceiling = "medium"
-- needs = ["backgrounds", "failure_runs", "gateway_errors"]
-- sources = []
-- remedy = "Reproduce the path against the target with curl -v and fix what it sends: invalid status line or header characters, Content-Length together with Transfer-Encoding, a body on 204 or 304; roll back the version that began it"
-- ///
--
-- A handler whose response the load balancer cannot accept fails every time, on every target, after its normal service
-- time: its path never succeeds from the first failure to the last, while the others do. A target status beside a 502
-- says that a header arrived and was refused. Without the response itself never above medium.

select
    gateway_errors.request_id,
    failure_runs.run_id as cluster_id,
    gateway_errors.target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    cast(failure_runs.errors + failure_runs.answers as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(gateway_errors.target_rate)
    + case when gateway_errors.failure_class = 'other' then ln(0.8) else ln(0.5) end as log_likelihood,
    printf(
        'its path failed %d times at several moments and was answered %d times in between',
        failure_runs.errors, failure_runs.answers
    ) as evidence
from gateway_errors
inner join failure_runs
    on
        failure_runs.kind = 'path'
        and gateway_errors.target_group_arn = failure_runs.target_group_arn
        and gateway_errors.path = failure_runs.name
        and gateway_errors.began_at between failure_runs.first_at and failure_runs.last_at
where
    gateway_errors.elb_status_code = 502
    and gateway_errors.failure_class in ('closed_at_once', 'closed_midway', 'other')

union all

select * replace (1e-9 as prior_rate)
from backgrounds
