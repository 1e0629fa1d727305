-- /// cause
-- id = "kube_proxy_restart"
-- title = "kube-proxy restarted on the node"
-- statuses = [502, 504]
-- rate = "per_event"
-- needs = ["events", "gateway_errors", "lifetimes"]
-- sources = ["pods"]
-- remedy = "Upgrade to a kube-proxy that keeps its rules over a restart (Kubernetes 1.15 or later), roll the DaemonSet one node at a time (updateStrategy maxUnavailable 1), or use ip targets, which kube-proxy does not forward"
-- ///
--
-- While old rules are flushed and new ones written, the node port of that node refuses or drops new connections for
-- some seconds. One node after the other, as the DaemonSet rolls. On a node that has only just joined it is `new_node`.

with

restarts as (

    select
        events.event_id,
        events.occurred_at,
        events.uncertainty_s,
        lifetimes.private_ip,
        lifetimes.vpc_id,
        events.node_name
    from events
    inner join lifetimes
        on
            lifetimes.kind = 'node'
            and events.node_name = lifetimes.node_name
            and (
                lifetimes.joined_at is null
                or events.occurred_at >= seconds_after(lifetimes.joined_at, 300.0)
            )
            and (lifetimes.left_at is null or events.occurred_at <= lifetimes.left_at)
    where
        events.kind in ('pod_started', 'container_restarted')
        and regexp_extract(events.pod_name, '/(kube-proxy)', 1) = 'kube-proxy'

),

near as (

    select
        gateway_errors.*,
        restarts.event_id as restart_id,
        restarts.node_name,
        restarts.uncertainty_s,
        seconds_between(restarts.occurred_at, gateway_errors.began_at) as began_after_s
    from gateway_errors
    inner join restarts
        on
            gateway_errors.target_ip = restarts.private_ip
            and may_share_vpc(gateway_errors.vpc_id, restarts.vpc_id)
            and gateway_errors.began_at between seconds_after(restarts.occurred_at, -20.0)
            and seconds_after(restarts.occurred_at, 20.0)
    where
        gateway_errors.failure_class in ('not_connected', 'connect_timeout')
        and gateway_errors.target_type is distinct from 'ip'

),

weighed as (

    select
        *,
        -- The old one has gone before the new one starts.
        0.7 * spread(began_after_s, -5.0, 5.0, uncertainty_s)
        + 0.3 * spread(began_after_s, -10.0, 10.0, uncertainty_s) as density
    from near

)

select
    request_id,
    restart_id as cluster_id,
    'all' as rate_group,
    restart_id as event_id,
    began_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    0.5 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    'kube-proxy of its node ' || node_name
    || case
        when began_after_s >= 0.0 then printf(' restarted %.0f s before', began_after_s)
        else printf(' restarted %.0f s after the request began', -began_after_s)
    end as evidence
from weighed
where density > 0.0

union all

select
    null as request_id,
    event_id as cluster_id,
    'all' as rate_group,
    event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    0.3 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from restarts
