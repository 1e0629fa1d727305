-- Grain: one row per join or leave of a node, and per node that was there when the window began.
-- The step line of each group's node count, and the markers on it with the errors blamed on each.

with

nodes as (

    select
        lifetimes.private_ip,
        lifetimes.joined_event_id,
        lifetimes.joined_known_by,
        lifetimes.joined_uncertainty_s,
        lifetimes.left_event_id,
        lifetimes.drain_event_id,
        lifetimes.left_at,
        lifetimes.left_known_by,
        lifetimes.left_uncertainty_s,
        lifetimes.left_reason,
        lifetimes.is_graceful,
        coalesce(lifetimes.node_group, lifetimes.asg_name, 'nodes') as group_name,
        coalesce(lifetimes.node_name, lifetimes.instance_id, lifetimes.private_ip, '?') as node,
        coalesce(greatest(lifetimes.joined_at, $first_at), $first_at) as seen_from,
        lifetimes.joined_at is not null and lifetimes.joined_at >= $first_at as has_joined,
        lifetimes.left_at is not null and lifetimes.left_at < $last_at as has_left
    from lifetimes
    where
        lifetimes.kind = 'node'
        and (lifetimes.joined_at is null or lifetimes.joined_at < $last_at)
        and (lifetimes.left_at is null or lifetimes.left_at > $first_at)

),

blamed as (

    select
        attributions.event_id,
        count(*) as errors
    from attributions
    where attributions.event_id is not null
    group by attributions.event_id

),

ends as (

    select
        nodes.group_name,
        case when nodes.has_joined then 'joined' else 'present' end as happened,
        nodes.seen_from as changed_at,
        1 as step,
        nodes.node,
        nodes.private_ip,
        nodes.joined_known_by as known_by,
        nodes.joined_uncertainty_s as uncertainty_s,
        cast(null as varchar) as reason,
        cast(null as boolean) as is_graceful,
        nodes.joined_event_id as event_id,
        cast(null as varchar) as earlier_event_id
    from nodes

    union all

    select
        nodes.group_name,
        'left' as happened,
        nodes.left_at as changed_at,
        -1 as step,
        nodes.node,
        nodes.private_ip,
        nodes.left_known_by as known_by,
        nodes.left_uncertainty_s as uncertainty_s,
        nodes.left_reason as reason,
        nodes.is_graceful,
        nodes.left_event_id as event_id,
        nullif(nodes.drain_event_id, nodes.left_event_id) as earlier_event_id
    from nodes
    where nodes.has_left

)

select
    ends.group_name,
    ends.happened,
    ends.changed_at,
    ends.node,
    ends.private_ip,
    ends.known_by,
    ends.uncertainty_s,
    ends.reason,
    ends.is_graceful,
    cast(sum(ends.step) over (
        partition by ends.group_name
        order by ends.changed_at asc
        range between unbounded preceding and current row
    ) as bigint) as nodes,
    coalesce(by_end.errors, 0) + coalesce(by_drain.errors, 0) as errors
from ends
left join blamed as by_end on ends.event_id = by_end.event_id
left join blamed as by_drain on ends.earlier_event_id = by_drain.event_id
order by ends.group_name asc, ends.changed_at asc, ends.happened asc, ends.node asc
