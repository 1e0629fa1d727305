-- Grain: one row per pod that left. A pod whose node went at about the same time was not drained for
-- its own sake: `node_left_at` says so, and scale_in is the root then.

select
    pods.lifetime_id,
    pods.pod_name,
    pods.private_ip,
    pods.vpc_id,
    pods.node_name,
    pods.service,
    pods.joined_at,
    -- A pod that only the log knows fell silent for good: its drain had begun by then.
    coalesce(
        pods.drain_started_at, case when pods.left_known_by = 'logs' then pods.left_at end
    ) as drain_started_at,
    pods.drain_event_id,
    pods.left_at,
    coalesce(pods.left_uncertainty_s, 1.0) as left_uncertainty_s,
    pods.left_event_id,
    pods.left_known_by,
    pods.left_reason,
    max(nodes.left_at) as node_left_at
from lifetimes as pods
left join lifetimes as nodes
    on
        nodes.kind = 'node'
        and pods.node_name = nodes.node_name
        and may_share_vpc(pods.vpc_id, nodes.vpc_id)
        and nodes.left_at is not null
        and abs(seconds_between(pods.left_at, nodes.left_at))
        <= 180.0 + coalesce(nodes.left_uncertainty_s, 0.0)
where pods.kind = 'pod' and pods.left_at is not null
group by all
