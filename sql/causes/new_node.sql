-- /// cause
-- id = "new_node"
-- title = "The target had only just joined and could not forward yet"
-- statuses = [502, 504]
-- rate = "per_event"
-- needs = ["gateway_errors", "lifetimes"]
-- sources = ["nodes"]
-- remedy = "Register a node only once it forwards: keep the label node.kubernetes.io/exclude-from-external-load-balancers until it is ready, delay registration with a launch lifecycle hook, health-check the traffic port"
-- ///
--
-- A node is registered before its kube-proxy forwards: SYNs are dropped (504 after 10 s) or refused
-- (502). Only the young target fails, and it heals within minutes. Slow connects of 1, 3 or 7 s on it
-- are the same drop, healed by a retransmission: they support the verdict though they are no errors.
-- A pod behind ip targets that is called ready before it listens looks the same.

with

joins as (

    select
        *,
        coalesce(joined_uncertainty_s, 1.0) as uncertainty_s
    from lifetimes
    where joined_at is not null

),

young as (

    select
        gateway_errors.request_id,
        gateway_errors.failure_class,
        gateway_errors.slow_connects,
        joins.lifetime_id,
        joins.kind,
        joins.node_group,
        joins.joined_event_id,
        joins.joined_known_by,
        joins.uncertainty_s,
        seconds_between(joins.joined_at, gateway_errors.began_at) as age_s
    from gateway_errors
    inner join joins
        on gateway_errors.lifetime_id = joins.lifetime_id
    where gateway_errors.failure_class in ('connect_timeout', 'tls_timeout', 'not_connected')

),

weighed as (

    select
        *,
        case
            when kind = 'pod' and failure_class = 'not_connected' then 0.70
            when kind = 'pod' then 0.30
            when failure_class = 'not_connected' then 0.25
            else 0.75
        end as class_share,
        case
            when kind = 'pod'
                then
                    0.7 * spread(age_s, -5.0, 30.0, uncertainty_s)
                    + 0.3 * spread(age_s, 0.0, 120.0, uncertainty_s)
            else
                0.35 * spread(age_s, -10.0, 30.0, uncertainty_s)
                + 0.30 * spread(age_s, 0.0, 90.0, uncertainty_s)
                + 0.20 * spread(age_s, 0.0, 180.0, uncertainty_s)
                + 0.15 * spread(age_s, 0.0, 300.0, uncertainty_s)
        end as density
    from young

)

select
    request_id,
    lifetime_id as cluster_id,
    kind || ' ' || coalesce(node_group, '') as rate_group,
    joined_event_id as event_id,
    age_s as lag_s,
    1.0 as exposure,
    least(slow_connects, 5) * 0.5 as support,
    class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    case
        when age_s < 0.0 then printf('the target joined %.0f s after the request began', -age_s)
        else printf('the target had joined %.0f s before', age_s)
    end
    || case when joined_known_by = 'logs' then ' (first seen in the log)' else '' end
    || case
        when slow_connects > 0
            then printf('; %d connects to it took 1, 3 or 7 s in the same minutes', slow_connects)
        else ''
    end as evidence
from weighed
where density > 0.0

union all

select
    null as request_id,
    lifetime_id as cluster_id,
    kind || ' ' || coalesce(node_group, '') as rate_group,
    joined_event_id as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    case when kind = 'pod' then 0.02 else 0.5 end as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from joins
