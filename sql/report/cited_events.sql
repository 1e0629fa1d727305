-- Grain: one row per event that a verdict cites and that is no join or leave of a node.
-- Pod exits, crashes and changed settings: what else happened, as far as errors hang on it.

with

blamed as (

    select
        attributions.event_id,
        attributions.cause,
        count(*) as errors
    from attributions
    where attributions.event_id is not null
    group by attributions.event_id, attributions.cause

),

node_ends as (

    select lifetimes.joined_event_id as event_id
    from lifetimes
    where lifetimes.kind = 'node' and lifetimes.joined_event_id is not null

    union all

    select lifetimes.left_event_id as event_id
    from lifetimes
    where lifetimes.kind = 'node' and lifetimes.left_event_id is not null

    union all

    select lifetimes.drain_event_id as event_id
    from lifetimes
    where lifetimes.kind = 'node' and lifetimes.drain_event_id is not null and lifetimes.left_at is not null

)

select
    events.occurred_at,
    events.kind,
    blamed.cause,
    blamed.errors,
    events.detail,
    coalesce(events.pod_name, events.node_name, events.instance_id, events.private_ip, '?') as entity
from blamed
inner join events on blamed.event_id = events.event_id
where events.event_id not in (select node_ends.event_id from node_ends)
order by events.occurred_at asc, events.event_id asc, blamed.cause asc
