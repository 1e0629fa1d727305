-- /// cause
-- id = "no_endpoints"
-- title = "The service behind the node port had no ready pod"
-- statuses = [502, 504]
-- rate = "triggered"
-- needs = ["empty_services", "episodes", "gateway_errors", "group_stop_errors", "service_ports"]
-- sources = ["pods"]
-- remedy = "Keep at least one ready pod at all times: a PodDisruptionBudget with minAvailable, maxUnavailable 0 in the rollout, a readiness probe that does not depend on a shared backend, several replicas spread over nodes and zones"
-- ///
--
-- With no ready endpoint kube-proxy rejects new connections on every node (502, never connected), or drops them where
-- externalTrafficPolicy is Local (504 after 10 s). All node targets fail alike, from the last endpoint's going to the next
-- one's coming. Where nobody watched pods, node targets that refuse all together say so, less surely.

with

known as (

    -- A node port leads to one service: another's having none says nothing about it.
    select
        node_port,
        max(service) as service
    from service_ports
    group by node_port

),

near as (

    select
        gateway_errors.request_id,
        gateway_errors.target_rate,
        gateway_errors.failure_class,
        empty_services.*,
        case when known.service is null then 0.3 else 1.0 end as entity,
        seconds_between(empty_services.occurred_at, gateway_errors.began_at) as began_after_s
    from gateway_errors
    inner join empty_services
        on
            gateway_errors.began_at
            >= seconds_after(empty_services.occurred_at, -10.0 - empty_services.uncertainty_s)
            and gateway_errors.began_at
            <= seconds_after(empty_services.occurred_at, empty_services.lasted_s + 15.0)
    left join known
        on gateway_errors.target_port = known.node_port
    where
        gateway_errors.failure_class in ('not_connected', 'connect_timeout')
        and gateway_errors.target_type is distinct from 'ip'
        and coalesce(known.service, empty_services.service) = empty_services.service

),

unrecorded as (

    select *
    from group_stop_errors
    where
        -- Nodes refuse together only what kube-proxy rejects; a process that does not listen is one pod's.
        failure_class = 'not_connected'
        and target_type is distinct from 'ip'
        -- Who lost which node must be known.
        and nodes_watched and not pods_watched

)

select
    near.request_id,
    near.event_id || ' ' || episodes.episode_id as cluster_id,
    near.service as rate_group,
    near.event_id,
    near.began_after_s as lag_s,
    episodes.requests as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(
        near.entity * near.target_rate
        * case
            when near.began_after_s between -1.0 - near.uncertainty_s and near.lasted_s + 2.0 then 1.0
            -- Readiness is told late, and heard of late.
            else 0.3
        end
    ) as log_likelihood,
    printf(
        'service %s had no ready endpoint for %.0f s, from %.0f s before the request on',
        near.service, near.lasted_s, near.began_after_s
    ) as evidence
from near
inner join episodes
    on
        near.request_id = episodes.request_id
        and episodes.scope = 'group'

union all

select
    request_id,
    'unrecorded ' || episode_id as cluster_id,
    'unrecorded' as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    requests as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(0.3 * target_rate) as log_likelihood,
    printf(
        '%d of %d node targets refused new connections together for %.0f s; no record of pods covers it',
        failing_targets, asked_targets, seconds_between(started_at, ended_at)
    ) as evidence
from unrecorded

union all

-- As rare as an episode of any other place: no event makes it likelier.
select
    null as request_id,
    'unrecorded' as cluster_id,
    'unrecorded' as rate_group,
    null as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    1e-6 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence

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
    0.3 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from empty_services
