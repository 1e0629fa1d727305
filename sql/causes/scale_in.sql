-- /// cause
-- id = "scale_in"
-- title = "A node was terminated while it still carried traffic"
-- statuses = [502, 504]
-- rate = "per_event"
-- needs = ["gateway_errors", "lifetimes"]
-- sources = ["nodes"]
-- remedy = "Deregister a node and let it drain before it is terminated: a termination lifecycle hook on the Auto Scaling group (autoscaling:EC2_INSTANCE_TERMINATING) that waits for the deregistration delay, and the label node.kubernetes.io/exclude-from-external-load-balancers on bulk nodes"
-- ///
--
-- The node's processes are killed (requests cut, 502) and then it is silent: connects time out (504
-- after 10 s) and requests in flight hang until the idle timeout (504), until it is deregistered or
-- called unhealthy. Behind NodePort its pods were also reached through other nodes, and it forwarded
-- to pods elsewhere, so errors are logged against healthy nodes too.

with

exits as (

    select
        lifetime_id,
        private_ip,
        vpc_id,
        node_name,
        coalesce(node_group, asg_name, '') as node_group,
        joined_at,
        left_at,
        coalesce(left_uncertainty_s, 1.0) as uncertainty_s,
        left_event_id,
        left_known_by,
        left_reason,
        case
            when left_known_by = 'logs' then 'unseen'
            when is_graceful then 'drained'
            when is_graceful is null then 'unknown'
            else 'abrupt'
        end as manner
    from lifetimes
    where
        kind = 'node'
        and left_at is not null
        and coalesce(left_reason, '') not in ('unhealthy', 'crash', 'impaired', 'node_lost')

),

pods_on_node as (

    select distinct
        exits.lifetime_id,
        pods.private_ip
    from exits
    inner join lifetimes as pods
        on
            pods.kind = 'pod'
            and exits.node_name = pods.node_name
            and (pods.joined_at is null or exits.left_at >= pods.joined_at)
            and (
                pods.left_at is null
                or abs(seconds_between(pods.left_at, exits.left_at)) <= 180.0 + exits.uncertainty_s
            )

),

near as (

    select
        gateway_errors.*,
        exits.lifetime_id as exit_id,
        exits.node_group,
        exits.manner,
        exits.node_name as exit_node,
        exits.private_ip as exit_ip,
        exits.uncertainty_s,
        exits.left_event_id,
        exits.left_known_by,
        exits.left_reason,
        gateway_errors.target_ip = exits.private_ip
        and (
            gateway_errors.vpc_id is null or exits.vpc_id is null
            or gateway_errors.vpc_id = exits.vpc_id
        ) as is_the_node,
        seconds_between(exits.left_at, gateway_errors.failed_at) as failed_after_s,
        seconds_between(exits.left_at, gateway_errors.began_at) as began_after_s,
        seconds_between(exits.left_at, gateway_errors.dispatched_at) as dispatched_after_s
    from gateway_errors
    inner join exits
        on
            gateway_errors.failed_at >= seconds_after(exits.left_at, -10.0 - exits.uncertainty_s)
            and gateway_errors.began_at <= seconds_after(exits.left_at, 200.0 + exits.uncertainty_s)
    where
        gateway_errors.failure_class in (
            'closed_midway', 'closed_at_once', 'not_connected', 'connect_timeout', 'tls_timeout', 'no_answer'
        )

),

matched as (

    select
        near.*,
        case
            when near.is_the_node or pods_on_node.private_ip is not null then 0.6
            when near.target_type = 'ip' then 0.0
            else 0.4 * near.target_share
        end as entity,
        near.is_the_node or pods_on_node.private_ip is not null as is_direct
    from near
    left join pods_on_node
        on
            near.exit_id = pods_on_node.lifetime_id
            and near.target_ip = pods_on_node.private_ip

),

weighed as (

    select
        *,
        case
            when failure_class = 'not_connected' then 0.15
            when failure_class in ('connect_timeout', 'tls_timeout') then 0.25
            else 0.20
        end as class_share,
        entity * case
            when failure_class in ('closed_midway', 'closed_at_once')
                then
                    0.6 * spread(failed_after_s, -1.0, 3.0, uncertainty_s)
                    + 0.3 * spread(failed_after_s, -2.0, 30.0, uncertainty_s)
                    + 0.1 * spread(failed_after_s, -2.0, 120.0, uncertainty_s)
            when failure_class = 'not_connected'
                then
                    0.5 * spread(failed_after_s, -1.0, 10.0, uncertainty_s)
                    + 0.5 * spread(failed_after_s, -2.0, unhealthy_after_s + 30.0, uncertainty_s)
            when failure_class = 'no_answer'
                then
                    case when is_direct and answers_meanwhile > 0 then 0.1 else 1.0 end * (
                        0.7 * spread(dispatched_after_s, -5.0, unhealthy_after_s + 10.0, uncertainty_s)
                        + 0.3
                        * spread(dispatched_after_s, -idle_timeout_s, unhealthy_after_s + 60.0, uncertainty_s)
                    )
            else
                -- A SYN sent up to 7 s before is retransmitted into the void.
                0.8 * spread(began_after_s, -8.0, unhealthy_after_s + 15.0, uncertainty_s)
                + 0.2 * spread(began_after_s, -8.0, 180.0, uncertainty_s)
        end as density
    from matched

)

select
    request_id,
    exit_id as cluster_id,
    node_group || ' ' || manner as rate_group,
    left_event_id as event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    case when is_direct then 'its node ' else 'node ' end
    || coalesce(exit_node, exit_ip, 'unknown')
    || case when node_group = '' then '' else ' of ' || node_group end
    || case
        when left_known_by = 'logs' then ' fell silent '
        when left_reason = 'spot' then ' was taken back (spot) '
        else ' was terminated '
    end
    || case
        when failed_after_s >= 0.0 then printf('%.0f s before the failure', failed_after_s)
        else printf('%.0f s after the failure', -failed_after_s)
    end
    || case manner when 'abrupt' then ', without draining' when 'drained' then ', after draining' else '' end
    || case when is_direct then '' else '; NodePort led there through ' || target_ip end as evidence
from weighed
where density > 0.0

union all

select
    null as request_id,
    lifetime_id as cluster_id,
    node_group || ' ' || manner as rate_group,
    left_event_id as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    case manner
        when 'abrupt' then 3.0
        when 'unknown' then 1.0
        -- The log alone cannot tell an end from a pause.
        when 'unseen' then 0.1
        else 0.05
    end as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from exits
