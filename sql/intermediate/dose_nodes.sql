-- Grain: one row per node and stretch of its life, with its group: how many nodes a group had follows.

select
    coalesce(node_group, asg_name) as node_group,
    joined_at,
    left_at
from lifetimes
where kind = 'node' and coalesce(node_group, asg_name) is not null
