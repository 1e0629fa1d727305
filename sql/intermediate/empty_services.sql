-- Grain: one row per service and span without a ready endpoint: as its EndpointSlice says, or as the readiness of
-- all its pods says. A service that had no pod before is not empty but new.

with

pod_services as (

    select
        pod_name,
        max(service) as service
    from lifetimes
    where kind = 'pod' and pod_name is not null and service is not null
    group by pod_name

),

pod_states as (

    select
        pod_services.service,
        events.pod_name,
        events.event_id,
        events.occurred_at,
        events.uncertainty_s,
        case when events.kind = 'pod_became_ready' then 1 else 0 end as is_ready
    from events
    inner join pod_services
        on events.pod_name = pod_services.pod_name
    where
        events.kind in (
            'pod_became_ready',
            'pod_became_unready',
            'pod_deletion_requested',
            'pod_exited',
            'container_crashed'
        )

),

pod_changes as (

    select
        *,
        is_ready - coalesce(
            lag(is_ready) over (
                partition by pod_name
                order by occurred_at, event_id
            ), 0
        ) as step
    from pod_states

),

counted as (

    select
        'pods' as told_by,
        service,
        event_id,
        occurred_at,
        uncertainty_s,
        sum(step) over (
            partition by service
            order by occurred_at, event_id
            rows between unbounded preceding and current row
        ) as ready
    from pod_changes
    where step <> 0

    union all

    select
        'endpoints' as told_by,
        service,
        event_id,
        occurred_at,
        uncertainty_s,
        try_cast(regexp_extract(detail, '^([0-9]+) ready', 1) as integer) as ready
    from events
    where kind = 'endpoints_changed' and service is not null

),

spans as (

    select
        *,
        lag(ready) over (
            partition by told_by, service
            order by occurred_at, event_id
        ) as ready_before,
        seconds_between(
            occurred_at,
            lead(occurred_at) over (
                partition by told_by, service
                order by occurred_at, event_id
            )
        ) as lasted_s
    from counted

)

select
    service,
    event_id,
    occurred_at,
    uncertainty_s,
    least(coalesce(lasted_s, 600.0), 3600.0) as lasted_s
from spans
where
    ready = 0
    and (told_by = 'endpoints' or ready_before > 0)
