-- /// cause
-- id = "deregistration_delay_expired"
-- title = "The deregistration delay ran out with the request in flight"
-- statuses = [502]
-- rate = "per_event"
-- needs = ["coverage", "events", "exit_errors", "gateway_errors", "lifetimes", "node_exits"]
-- sources = ["deregistrations"]
-- remedy = "Raise deregistration_delay.timeout_seconds of the target group ({deregistration_delay_s} s) above its longest honest request (p99.9 of target_processing_time)"
-- ///
--
-- An exact law: the load balancer closes what is still in flight when DeregisterTargets + delay is over.
-- Where nobody recorded deregistrations, requests that were cut on a leaving node after they had lasted longer
-- than the delay hint at it: a plain termination cuts requests of any age.

with

deregistered as (

    select
        events.event_id,
        events.occurred_at,
        events.uncertainty_s,
        events.target_group_arn,
        coalesce(events.private_ip, events.pod_ip, lifetimes.private_ip) as target_ip
    from events
    left join lifetimes
        on
            events.instance_id = lifetimes.instance_id
            and lifetimes.kind = 'node'
            and (lifetimes.joined_at is null or events.occurred_at >= lifetimes.joined_at)
            and (lifetimes.left_at is null or lifetimes.left_at >= seconds_after(events.occurred_at, -60.0))
    where events.kind = 'target_deregistered'

),

in_flight as (

    select
        gateway_errors.request_id,
        deregistered.event_id,
        gateway_errors.waited_s,
        gateway_errors.deregistration_delay_s,
        deregistered.uncertainty_s,
        seconds_between(deregistered.occurred_at, gateway_errors.failed_at) as lag_s
    from gateway_errors
    inner join deregistered
        on
            gateway_errors.target_ip = deregistered.target_ip
            and gateway_errors.began_at <= seconds_after(deregistered.occurred_at, 20.0)
            and (
                deregistered.target_group_arn is null
                or gateway_errors.target_group_arn = deregistered.target_group_arn
            )
    where gateway_errors.failure_class = 'closed_midway'

),

placed as (

    select
        *,
        lag_s - deregistration_delay_s as after_delay_s
    from in_flight
    where waited_s >= deregistration_delay_s - 25.0

),

unrecorded as (

    select
        *,
        max(waited_s) over (partition by exit_id) as longest_wait_s
    from exit_errors
    where
        is_direct
        and failure_class = 'closed_midway'
        and waited_s >= deregistration_delay_s - 25.0
        and not exists (
            select 1
            from coverage
            where
                coverage.source = 'cloudtrail'
                and exit_errors.failed_at between coverage.covered_from and coverage.covered_to
                and is_of_place(exit_errors.target_group_arn, coverage.account, coverage.region)
        )

)

select
    request_id,
    event_id as cluster_id,
    'all' as rate_group,
    event_id,
    lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(
        0.8 * spread(after_delay_s, -1.0, 2.0, uncertainty_s)
        + 0.2 * spread(after_delay_s, -4.0, 5.0, uncertainty_s)
    ) as log_likelihood,
    printf(
        'cut %.1f s after its target was deregistered (delay %.0f s), %.1f s into the request',
        lag_s, deregistration_delay_s, waited_s
    ) as evidence
from placed
where after_delay_s between -4.0 - uncertainty_s and 5.0 + uncertainty_s

union all

select
    request_id,
    exit_id as cluster_id,
    'unrecorded' as rate_group,
    left_event_id as event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    -- One request in ten, at most, lasts that long.
    ln(density) + ln(10.0) as log_likelihood,
    printf(
        'cut %.1f s into the request as its node %s left; others had lasted up to %.0f s (delay %.0f s)',
        waited_s, exit_name, longest_wait_s, deregistration_delay_s
    )
    || '; no record of its deregistration' as evidence
from unrecorded
where longest_wait_s >= deregistration_delay_s

union all

select
    null as request_id,
    lifetime_id as cluster_id,
    'unrecorded' as rate_group,
    left_event_id as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    1.0 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from node_exits

union all

select
    null as request_id,
    event_id as cluster_id,
    'all' as rate_group,
    event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    0.2 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from deregistered
group by event_id
