-- Grain: one row per node that left for another reason than its own death, with how it went: drained,
-- abrupt, unknown, or seen by the log alone (`unseen`).

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
    coalesce(left_reason = 'spot', false) as is_spot,
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
