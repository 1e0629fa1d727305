-- /// cause
-- id = "config_change"
-- title = "A change of the load balancer's configuration broke the path"
-- statuses = [502, 504]
-- rate = "per_event"
-- ceiling = "medium"
-- needs = ["events", "gateway_errors"]
-- sources = ["changes"]
-- remedy = "Revert the call named in the evidence and compare: ModifyRule, ModifyListener, ModifyTargetGroup, SetSubnets and their like take effect within seconds; try the change on a canary rule first"
-- ///
--
-- A step at a call that changed rules, listeners, subnets or a target group: errors of any class that begin within a
-- minute of it, all over its scope. Most such calls are harmless. Onset alone is weak evidence: never above medium.

with

near as (

    select
        gateway_errors.*,
        events.event_id as change_id,
        events.detail,
        events.uncertainty_s,
        seconds_between(events.occurred_at, gateway_errors.began_at) as began_after_s,
        seconds_between(events.occurred_at, gateway_errors.failed_at) as failed_after_s
    from gateway_errors
    inner join events
        on
            gateway_errors.failed_at >= seconds_after(events.occurred_at, -5.0)
            and gateway_errors.began_at <= seconds_after(events.occurred_at, 1000.0)
            and (
                gateway_errors.target_group_arn = events.target_group_arn
                or (events.target_group_arn is null and strpos(events.detail, gateway_errors.elb) > 0)
            )
    where
        events.kind in ('routing_changed', 'setting_changed')
        -- Timeouts and names change no path.
        and coalesce(events.reason, '') not like '%timeout%'
        and gateway_errors.failure_class not in ('target_answered', 'lambda', 'before_target')

),

weighed as (

    select
        *,
        target_share * (
            0.6 * spread(began_after_s, -2.0, 60.0, uncertainty_s)
            + 0.4 * spread(began_after_s, -2.0, 900.0, uncertainty_s)
        ) as density
    from near

)

select
    request_id,
    change_id as cluster_id,
    'all' as rate_group,
    change_id as event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    0.15 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    printf('%.0f s after ', began_after_s) || coalesce(detail, 'a change') as evidence
from weighed
where density > 0.0

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
    0.03 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from events
where
    kind in ('routing_changed', 'setting_changed')
    and coalesce(reason, '') not like '%timeout%'
