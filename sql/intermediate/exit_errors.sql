-- Grain: one row per gateway error and node exit that could have made it, with the density of the error's
-- lag and target given that exit. Its processes are killed first, then it is silent, until the load balancer
-- stops asking it. Behind NodePort its pods were also reached through other nodes.

with

pods_on_node as (

    select distinct
        node_exits.lifetime_id,
        pods.private_ip
    from node_exits
    inner join lifetimes as pods
        on
            pods.kind = 'pod'
            and node_exits.node_name = pods.node_name
            and may_share_vpc(node_exits.vpc_id, pods.vpc_id)
            and (pods.joined_at is null or node_exits.left_at >= pods.joined_at)
            and (
                pods.left_at is null
                or abs(seconds_between(pods.left_at, node_exits.left_at)) <= 180.0 + node_exits.uncertainty_s
            )

),

near as (

    select
        gateway_errors.*,
        node_exits.lifetime_id as exit_id,
        node_exits.node_group,
        node_exits.manner,
        node_exits.node_name as exit_node,
        node_exits.private_ip as exit_ip,
        node_exits.uncertainty_s,
        node_exits.left_event_id,
        node_exits.left_known_by,
        node_exits.left_reason,
        node_exits.is_spot,
        gateway_errors.target_ip = node_exits.private_ip as is_the_node,
        seconds_between(node_exits.left_at, gateway_errors.failed_at) as failed_after_s,
        seconds_between(node_exits.left_at, gateway_errors.began_at) as began_after_s,
        seconds_between(node_exits.left_at, gateway_errors.dispatched_at) as dispatched_after_s
    from gateway_errors
    inner join node_exits
        on
            gateway_errors.failed_at >= seconds_after(node_exits.left_at, -10.0 - node_exits.uncertainty_s)
            and gateway_errors.began_at <= seconds_after(node_exits.left_at, 200.0 + node_exits.uncertainty_s)
            -- A node of another VPC forwards nothing, whatever its address.
            and may_share_vpc(gateway_errors.vpc_id, node_exits.vpc_id)
    where
        gateway_errors.failure_class in (
            'closed_midway', 'closed_at_once', 'not_connected', 'connect_timeout', 'tls_timeout', 'no_answer'
        )

),

unanswered as (

    select
        exit_id,
        count(distinct target_ip) as addresses
    from near
    where failure_class in ('connect_timeout', 'tls_timeout')
    group by exit_id

),

matched as (

    select
        near.*,
        case
            when near.is_the_node or pods_on_node.private_ip is not null then 0.6
            when near.target_type = 'ip' then 0.0
            -- Each SYN that is sent again is led to a pod anew: four must have met the lost node's. (Where that node's
            -- address is not known the target may be it, unless many fail.)
            when
                (near.exit_ip is not null or unanswered.addresses >= 3)
                and near.failure_class in ('connect_timeout', 'tls_timeout')
                then 0.03 * 0.4 * near.target_share
            else 0.4 * near.target_share
        end as entity,
        near.is_the_node or pods_on_node.private_ip is not null as is_direct
    from near
    left join pods_on_node
        on
            near.exit_id = pods_on_node.lifetime_id
            and near.target_ip = pods_on_node.private_ip
    left join unanswered
        on near.exit_id = unanswered.exit_id

),

weighed as (

    select
        *,
        case
            when failure_class = 'not_connected' then 0.15
            when failure_class in ('connect_timeout', 'tls_timeout') then 0.25
            else 0.20
        end as class_share,
        entity
        -- A host that is gone answers nobody.
        * case when is_direct and host_answers_meanwhile > 0 then 0.1 else 1.0 end
        * case
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
                    0.7 * spread(dispatched_after_s, -5.0, unhealthy_after_s + 10.0, uncertainty_s)
                    + 0.3
                    * spread(dispatched_after_s, -idle_timeout_s, unhealthy_after_s + 60.0, uncertainty_s)
            else
                -- A SYN sent up to 7 s before is retransmitted into the void.
                0.8 * spread(began_after_s, -8.0, unhealthy_after_s + 15.0, uncertainty_s)
                + 0.2 * spread(began_after_s, -8.0, 180.0, uncertainty_s)
        end as density
    from matched

)

select
    request_id,
    exit_id,
    node_group,
    manner,
    is_spot,
    left_event_id,
    left_known_by,
    coalesce(exit_node, exit_ip, 'unknown') as exit_name,
    target_group_arn,
    target_ip,
    is_direct,
    failure_class,
    failed_at,
    failed_after_s,
    waited_s,
    deregistration_delay_s,
    class_share,
    density
from weighed
where density > 0.0
