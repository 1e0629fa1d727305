-- /// finding
-- id = "bulk_nodes_behind_balancer"
-- title = "Nodes that come and go all day forward the load balancer's traffic"
-- severity = "warning"
-- causes = ["scale_in", "new_node", "spot_interruption"]
-- needs = ["exclude_from_load_balancers"]
-- change = "Label the nodes of {name} so that load balancers leave them out"
-- cli = "kubectl label nodes -l eks.amazonaws.com/nodegroup={name} node.kubernetes.io/exclude-from-external-load-balancers=true"
-- terraform = "aws_eks_node_group: labels = {{ \"node.kubernetes.io/exclude-from-external-load-balancers\" = \"true\" }}"
-- kubectl = "kubectl label nodes -l eks.amazonaws.com/nodegroup={name} node.kubernetes.io/exclude-from-external-load-balancers=true"
-- ///
--
-- Behind NodePort every node forwards for every pod. A group whose nodes change often costs errors with
-- each of them, although its own pods may serve none of the traffic.

with

stays as (

    select
        coalesce(lifetimes.node_group, lifetimes.asg_name) as node_group,
        lifetimes.node_name,
        lifetimes.private_ip,
        lifetimes.left_at
    from lifetimes
    where
        lifetimes.kind = 'node'
        and coalesce(lifetimes.node_group, lifetimes.asg_name) is not null

),

churn as (

    select
        stays.node_group,
        count(*) as nodes,
        count(stays.left_at) as leaves
    from stays
    group by stays.node_group

),

labelled as (

    select
        stays.node_group,
        bool_or(settings.value = 'true') as is_excluded
    from stays
    inner join settings
        on
            settings.resource = 'node/' || stays.node_name
            and settings.setting = 'exclude_from_load_balancers'
    group by stays.node_group

),

serving as (

    select
        stays.node_group,
        cast(sum(pair_minutes.requests) as bigint) as requests
    from stays
    inner join pair_minutes on stays.private_ip = pair_minutes.target_ip
    group by stays.node_group

)

select
    'node-group/' || churn.node_group as resource,
    cast(null as varchar) as target_group_arn,
    cast(null as varchar) as elb,
    churn.node_group,
    'false' as current_value,
    'true' as wanted_value,
    printf(
        '%d of its %d nodes left in the window, and it carried %,d requests',
        churn.leaves, churn.nodes, serving.requests
    ) as evidence
from churn
inner join serving on churn.node_group = serving.node_group
inner join labelled on churn.node_group = labelled.node_group
where
    not labelled.is_excluded
    and churn.leaves >= 3
    and churn.leaves * 2 >= churn.nodes
