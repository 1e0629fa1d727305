-- /// cause
-- id = "response_header_too_large"
-- title = "The response headers were larger than the load balancer takes"
-- statuses = [502]
-- rate = "episodic"
-- ceiling = "medium"
-- needs = ["backgrounds", "failure_runs", "gateway_errors"]
-- sources = []
-- remedy = "Shrink the response headers below 32 KB in total: fewer and smaller Set-Cookie headers, session data on the server instead of in a cookie or JWT, shorter Content-Security-Policy"
-- ///
--
-- Headers that grow with a session or a user fail for that client every time, on any target, after a normal service
-- time, while other clients are answered on the same paths. Without the response itself never above medium.

select
    gateway_errors.request_id,
    clients.run_id as cluster_id,
    gateway_errors.target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    cast(clients.errors + clients.answers as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(gateway_errors.target_rate) + ln(0.4) as log_likelihood,
    printf(
        'this client failed %d times at several moments and was answered %d times in between, others were',
        clients.errors, clients.answers
    ) as evidence
from gateway_errors
inner join failure_runs as clients
    on
        clients.kind = 'client'
        and gateway_errors.target_group_arn = clients.target_group_arn
        and gateway_errors.client_ip = clients.name
        and gateway_errors.began_at between clients.first_at and clients.last_at
-- A path that fails for everybody is not about the client.
left join failure_runs as paths
    on
        paths.kind = 'path'
        and gateway_errors.target_group_arn = paths.target_group_arn
        and gateway_errors.path = paths.name
        and gateway_errors.began_at between paths.first_at and paths.last_at
where
    gateway_errors.elb_status_code = 502
    and gateway_errors.failure_class in ('closed_at_once', 'closed_midway', 'other')
    and paths.run_id is null

union all

select * replace (1e-9 as prior_rate)
from backgrounds
