-- /// cause
-- id = "elb_event"
-- title = "A node of the load balancer itself came or went"
-- statuses = [502, 504]
-- rate = "per_event"
-- ceiling = "low"
-- needs = ["balancer_nodes", "gateway_errors"]
-- sources = []
-- remedy = "Nothing on the targets: AWS scales and replaces load balancer nodes. Look in AWS Health for the load balancer and time; ask AWS Support with the load balancer node's address; reserve capacity (LCU reservation) before steep ramps"
-- ///
--
-- Errors of one load balancer node, against all targets, around the instant at which it began or ceased to log.
-- What such a replacement does to requests is not documented: low confidence unless AWS Health confirms it.

with

near as (

    select
        gateway_errors.*,
        balancer_nodes.what,
        'node ' || gateway_errors.elb_node_ip || ' ' || balancer_nodes.what as change_id,
        seconds_between(balancer_nodes.changed_at, gateway_errors.failed_at) as failed_after_s
    from gateway_errors
    inner join balancer_nodes
        on
            gateway_errors.elb = balancer_nodes.elb
            and gateway_errors.elb_node_ip = balancer_nodes.elb_node_ip
            and gateway_errors.failed_at between seconds_after(balancer_nodes.changed_at, -300.0)
            and seconds_after(balancer_nodes.changed_at, 300.0)
    where gateway_errors.failure_class not in ('target_answered', 'lambda', 'before_target')

),

weighed as (

    select
        *,
        target_share * (
            0.6 * spread(failed_after_s, -30.0, 30.0, 0.0) + 0.4 * spread(failed_after_s, -300.0, 300.0, 0.0)
        ) as density
    from near

)

select
    request_id,
    change_id as cluster_id,
    elb as rate_group,
    cast(null as varchar) as event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    0.15 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    printf(
        'load balancer node %s %s to log %.0f s away', elb_node_ip, what, abs(failed_after_s)
    ) as evidence
from weighed
where density > 0.0

union all

select
    null as request_id,
    'node ' || elb_node_ip || ' ' || what as cluster_id,
    elb as rate_group,
    null as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    0.01 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from balancer_nodes
