-- Grain: one row per error of a stretch in which a whole target group could not be connected to: three targets or more
-- failed, and three in four of those that were asked. With how many of their hosts answered others meanwhile, on
-- connections that they had or on another port: they are neither lost nor in the dark. How many requests of the group
-- hung meanwhile (a service that hangs accepts first, and drops SYNs when its queue is full), how other groups of the
-- load balancer fared, and which kinds of events were watched.

with

failed as (

    select
        episodes.episode_id,
        episodes.request_id,
        episodes.failure_class,
        episodes.target_group_arn,
        episodes.requests,
        gateway_errors.elb,
        gateway_errors.target_rate,
        gateway_errors.target_type,
        gateway_errors.target_ip || ':' || cast(gateway_errors.target_port as varchar) as target,
        gateway_errors.host_answers_meanwhile,
        gateway_errors.began_at,
        gateway_errors.failed_at
    from episodes
    inner join gateway_errors
        on episodes.request_id = gateway_errors.request_id
    where
        episodes.scope = 'group'
        and episodes.failure_class in ('connect_timeout', 'not_connected')
        and episodes.targets >= 3

),

stops as (

    select
        episode_id,
        failure_class,
        target_group_arn,
        requests,
        any_value(elb) as elb,
        any_value(target_type) as target_type,
        count(*) as errors,
        count(distinct target) as failing_targets,
        count(distinct target) filter (where host_answers_meanwhile > 0) as answering_targets,
        min(began_at) as started_at,
        max(began_at) as ended_at
    from failed
    group by episode_id, failure_class, target_group_arn, requests

),

asked as (

    select
        stops.episode_id,
        count(distinct target_minutes.target_ip || ':' || cast(target_minutes.target_port as varchar))
            as asked_targets
    from stops
    inner join target_minutes
        on
            stops.target_group_arn = target_minutes.target_group_arn
            and target_minutes.minute between minute_of(stops.started_at) and minute_of(stops.ended_at)
    where target_minutes.requests >= 3
    group by stops.episode_id

),

hung as (

    select
        stops.episode_id,
        count(*) as hung
    from stops
    inner join gateway_errors
        on
            stops.target_group_arn = gateway_errors.target_group_arn
            and gateway_errors.dispatched_at between seconds_after(stops.started_at, -60.0)
            and stops.ended_at
    where gateway_errors.failure_class = 'no_answer'
    group by stops.episode_id

),

others as (

    select
        stops.episode_id,
        sum(target_minutes.requests) as requests,
        sum(target_minutes.gateway_errors) as errors
    from stops
    inner join target_minutes
        on
            stops.elb = target_minutes.elb
            and stops.target_group_arn <> target_minutes.target_group_arn
            and target_minutes.minute between minute_of(stops.started_at) and minute_of(stops.ended_at)
    group by stops.episode_id

),

watched as (

    select
        stops.episode_id,
        coalesce(
            bool_or(
                coverage.source
                in ('scaling_activities', 'cloudtrail', 'audit', 'nodes', 'instances', 'eventbridge')
            ), false
        ) as nodes_watched,
        coalesce(bool_or(coverage.source in ('pods', 'audit')), false) as pods_watched,
        coalesce(bool_or(coverage.source = 'cloudtrail'), false) as changes_watched
    from stops
    left join coverage
        on
            stops.started_at between coverage.covered_from and coverage.covered_to
            and is_of_place(stops.target_group_arn, coverage.account, coverage.region)
    group by stops.episode_id

)

select
    failed.request_id,
    failed.target_rate,
    failed.failed_at,
    stops.*,
    asked.asked_targets,
    coalesce(hung.hung, 0) as hung,
    coalesce(others.requests >= 20 and others.errors * 20 <= others.requests, false) as others_fare_well,
    watched.nodes_watched,
    watched.pods_watched,
    watched.changes_watched
from stops
inner join failed
    on stops.episode_id = failed.episode_id
inner join asked
    on stops.episode_id = asked.episode_id
inner join watched
    on stops.episode_id = watched.episode_id
left join hung
    on stops.episode_id = hung.episode_id
left join others
    on stops.episode_id = others.episode_id
inner join target_groups
    on stops.target_group_arn = target_groups.target_group_arn
where
    stops.failing_targets * 4 >= asked.asked_targets * 3
    -- A target group that never answered was never right.
    and target_groups.answered > 0
