-- Grain: one row per event within ten minutes of a gateway error, at most $row_limit of them.
-- What the evidence timelines show. Events that verdicts cite come first when there are too many.

with

blocks as (

    select distinct block_of(attributions.time) as block
    from attributions

),

near_blocks as (

    select distinct blocks.block + steps.step as block
    from blocks
    cross join (values (-1), (0), (1)) as steps (step)

),

blamed as (

    select
        attributions.event_id,
        count(*) as errors
    from attributions
    where attributions.event_id is not null
    group by attributions.event_id

),

ranked as (

    select
        events.*,
        coalesce(blamed.errors, 0) as errors,
        row_number() over (
            order by coalesce(blamed.errors, 0) desc, events.occurred_at asc, events.event_id asc
        ) as turn
    from events
    inner join near_blocks on block_of(events.occurred_at) = near_blocks.block
    left join blamed on events.event_id = blamed.event_id

)

select
    ranked.event_id,
    ranked.occurred_at,
    ranked.uncertainty_s,
    ranked.kind,
    ranked.source,
    coalesce(
        ranked.pod_name, ranked.node_name, ranked.instance_id, ranked.private_ip, ranked.target_group_arn
    ) as entity,
    coalesce(ranked.private_ip, ranked.pod_ip) as address,
    coalesce(ranked.node_group, ranked.asg_name) as node_group,
    ranked.reason,
    ranked.detail,
    ranked.source_ref,
    ranked.errors
from ranked
where ranked.turn <= $row_limit
order by ranked.occurred_at asc, ranked.event_id asc
