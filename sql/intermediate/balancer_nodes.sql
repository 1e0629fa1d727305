-- Grain: one row per load balancer node that began or ceased to log within the load balancer's own time:
-- AWS replaced it, or scaled the load balancer.

with

nodes as (

    select
        elb,
        elb_node_ip,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from pair_minutes
    where elb_node_ip is not null
    group by elb, elb_node_ip

),

balancers as (

    select
        elb,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from nodes
    group by elb

)

select
    nodes.elb,
    nodes.elb_node_ip,
    'began' as what,
    nodes.first_seen_at as changed_at
from nodes
inner join balancers
    on nodes.elb = balancers.elb
where nodes.first_seen_at > seconds_after(balancers.first_seen_at, 900.0)

union all

select
    nodes.elb,
    nodes.elb_node_ip,
    'ceased' as what,
    nodes.last_seen_at as changed_at
from nodes
inner join balancers
    on nodes.elb = balancers.elb
where nodes.last_seen_at < seconds_after(balancers.last_seen_at, -900.0)
