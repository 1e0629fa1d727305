-- /// cause
-- id = "deregistration_delay_expired"
-- title = "The deregistration delay ran out with the request in flight"
-- statuses = [502]
-- rate = "per_event"
-- needs = ["events", "gateway_errors", "lifetimes"]
-- sources = ["deregistrations"]
-- remedy = "Raise deregistration_delay.timeout_seconds of the target group ({deregistration_delay_s} s) above its longest honest request (p99.9 of target_processing_time)"
-- ///
--
-- An exact law: the load balancer closes what is still in flight when DeregisterTargets + delay is over.

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
