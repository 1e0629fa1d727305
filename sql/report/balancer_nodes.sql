-- Grain: one row per load balancer node (the address in field 34 or the object's name).
-- Errors per million requests: one node far from the others is a fault of the load balancer or its zone.

with

traffic_of_nodes as (

    select
        pair_minutes.elb_node_ip,
        cast(sum(pair_minutes.requests) as bigint) as requests
    from pair_minutes
    where pair_minutes.elb_node_ip is not null
    group by pair_minutes.elb_node_ip

),

errors_of_nodes as (

    select
        gateway_errors.elb_node_ip,
        count(*) as errors
    from gateway_errors
    where gateway_errors.elb_node_ip is not null
    group by gateway_errors.elb_node_ip

)

select
    traffic_of_nodes.elb_node_ip,
    traffic_of_nodes.requests,
    coalesce(errors_of_nodes.errors, 0) as errors
from traffic_of_nodes
left join errors_of_nodes on traffic_of_nodes.elb_node_ip = errors_of_nodes.elb_node_ip
order by errors desc, traffic_of_nodes.elb_node_ip asc
