-- /// cause
-- id = "no_endpoints"
-- title = "The service behind the node port had no ready pod"
-- statuses = [502, 504]
-- rate = "per_event"
-- needs = ["events", "gateway_errors", "service_ports"]
-- sources = ["pods"]
-- remedy = "Keep at least one ready pod at all times: a PodDisruptionBudget with minAvailable, maxUnavailable 0 in the rollout, a readiness probe that does not depend on a shared backend, several replicas spread over nodes and zones"
-- ///
--
-- With no ready endpoint kube-proxy rejects new connections on every node (502, never connected), or drops them where
-- externalTrafficPolicy is Local (504 after 10 s). All node targets fail alike, from the last endpoint's going to the next
-- one's coming.

with

changes as (

    select
        event_id,
        occurred_at,
        uncertainty_s,
        service,
        try_cast(regexp_extract(detail, '^([0-9]+) ready', 1) as integer) as ready,
        lead(occurred_at) over (
            partition by service
            order by occurred_at, event_id
        ) as next_at
    from events
    where kind = 'endpoints_changed' and service is not null

),

empty_spans as (

    select
        *,
        least(coalesce(seconds_between(occurred_at, next_at), 600.0), 3600.0) as lasted_s
    from changes
    where ready = 0

),

near as (

    select
        gateway_errors.*,
        empty_spans.event_id as change_id,
        empty_spans.service,
        empty_spans.lasted_s,
        empty_spans.uncertainty_s,
        seconds_between(empty_spans.occurred_at, gateway_errors.began_at) as began_after_s
    from gateway_errors
    inner join service_ports
        on gateway_errors.target_port = service_ports.node_port
    inner join empty_spans
        on
            service_ports.service = empty_spans.service
            and gateway_errors.began_at >= seconds_after(empty_spans.occurred_at, -10.0)
            and gateway_errors.began_at <= seconds_after(empty_spans.occurred_at, empty_spans.lasted_s + 15.0)
    where
        gateway_errors.failure_class in ('not_connected', 'connect_timeout')
        and gateway_errors.target_type is distinct from 'ip'

)

select
    request_id,
    change_id as cluster_id,
    service as rate_group,
    change_id as event_id,
    began_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    case when failure_class = 'not_connected' then 0.6 else 0.4 end as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(target_share * spread(began_after_s, -8.0, lasted_s + 5.0, uncertainty_s)) as log_likelihood,
    printf(
        'service %s had no ready endpoint for %.0f s, from %.0f s before the request on',
        service, lasted_s, began_after_s
    ) as evidence
from near
where spread(began_after_s, -8.0, lasted_s + 5.0, uncertainty_s) > 0.0

union all

select
    null as request_id,
    event_id as cluster_id,
    service as rate_group,
    event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    5.0 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from empty_spans
