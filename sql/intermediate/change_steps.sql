-- Grain: one row per change of routing or of a target group's settings, and target group in its scope at which
-- errors stepped up with it: one request in fifty or more failed in the minute of the change or the next, at
-- five times the share of the ten minutes before. The step lasts while they do, at most fifteen minutes.

with

changes as (

    select
        events.event_id,
        events.kind,
        events.occurred_at,
        events.uncertainty_s,
        events.detail,
        events.target_group_arn
    from events
    where
        events.kind in ('routing_changed', 'setting_changed')
        -- Timeouts and names change no path.
        and coalesce(events.reason, '') not like '%timeout%'

),

by_group as (

    select
        target_group_arn,
        elb,
        minute,
        sum(requests) as requests,
        sum(gateway_errors) as errors
    from target_minutes
    where target_group_arn is not null
    group by target_group_arn, elb, minute

),

scoped as (

    select
        changes.event_id,
        changes.kind,
        changes.occurred_at,
        changes.uncertainty_s,
        changes.detail,
        by_group.target_group_arn,
        by_group.minute,
        by_group.requests,
        by_group.errors,
        by_group.minute - minute_of(changes.occurred_at) as after_min
    from changes
    inner join by_group
        on
            by_group.minute between minute_of(changes.occurred_at)
            - 10 and minute_of(changes.occurred_at)
            + 15
            and (
                changes.target_group_arn = by_group.target_group_arn
                or (changes.target_group_arn is null and strpos(changes.detail, by_group.elb) > 0)
            )

),

before as (

    select
        event_id,
        target_group_arn,
        sum(errors) filter (where after_min < 0) as errors,
        sum(requests) filter (where after_min < 0) as requests
    from scoped
    group by event_id, target_group_arn

),

stepped as (

    -- From the change on, minute by minute, while they fail; its own minute is a mixture.
    select
        scoped.*,
        bool_and(scoped.errors * 50 >= scoped.requests or scoped.after_min = 0) over (
            partition by scoped.event_id, scoped.target_group_arn
            order by scoped.after_min
            rows between unbounded preceding and current row
        ) as is_on
    from scoped
    where scoped.after_min >= 0

)

select
    stepped.event_id,
    stepped.kind,
    stepped.occurred_at,
    stepped.uncertainty_s,
    stepped.detail,
    stepped.target_group_arn,
    max(stepped.minute) as last_minute,
    sum(stepped.requests) as requests,
    sum(stepped.errors) as errors
from stepped
inner join before
    on
        stepped.event_id = before.event_id
        and stepped.target_group_arn = before.target_group_arn
where stepped.is_on
group by
    stepped.event_id, stepped.kind, stepped.occurred_at, stepped.uncertainty_s, stepped.detail,
    stepped.target_group_arn
having
    sum(stepped.errors) >= 5
    and sum(stepped.errors) * 50 >= sum(stepped.requests)
    and sum(stepped.errors) * (coalesce(any_value(before.requests), 0) + 10)
    >= 5 * coalesce(any_value(before.errors), 0) * sum(stepped.requests)
