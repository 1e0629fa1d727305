-- /// cause
-- id = "config_change"
-- title = "A change of the load balancer's configuration broke the path"
-- statuses = [502, 504]
-- rate = "triggered"
-- ceiling = "medium"
-- needs = ["change_steps", "episodes", "events", "gateway_errors"]
-- sources = ["changes"]
-- remedy = "Revert the call named in the evidence and compare: ModifyRule, ModifyListener, ModifyTargetGroup, SetSubnets and their like take effect within seconds; try the change on a canary rule first"
-- ///
--
-- A step at a call that changed rules, listeners, subnets or a target group: within a minute one request in fifty
-- or more begins to fail in its scope. Most such calls are harmless. Onset alone is weak evidence: never above medium.

with

near as (

    select
        gateway_errors.request_id,
        gateway_errors.target_rate,
        gateway_errors.failure_class,
        change_steps.event_id,
        change_steps.detail,
        change_steps.target_group_arn,
        -- Rules, listeners and subnets decide where requests go; attributes seldom break anything.
        case when change_steps.kind = 'routing_changed' then 1.0 else 0.1 end as harm,
        cast(change_steps.requests as double) as requests,
        seconds_between(change_steps.occurred_at, gateway_errors.began_at) as began_after_s,
        seconds_between(change_steps.occurred_at, gateway_errors.failed_at) as failed_after_s
    from gateway_errors
    inner join change_steps
        on
            gateway_errors.target_group_arn = change_steps.target_group_arn
            and gateway_errors.began_at
            >= seconds_after(change_steps.occurred_at, -2.0 - change_steps.uncertainty_s)
            and minute_of(gateway_errors.failed_at) <= change_steps.last_minute
    where gateway_errors.failure_class not in ('target_answered', 'lambda', 'before_target')

)

select
    near.request_id,
    near.event_id || ' ' || coalesce(episodes.episode_id, near.target_group_arn) as cluster_id,
    'all' as rate_group,
    near.event_id,
    near.failed_after_s as lag_s,
    -- Connecting fails in stretches of its own.
    coalesce(episodes.requests, near.requests) as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(
        near.target_rate
        * near.harm
        -- A wrong port refuses, or answers something else; that packets are dropped has other reasons.
        * case when near.failure_class in ('connect_timeout', 'no_answer') then 0.2 else 1.0 end
    ) as log_likelihood,
    printf('%.0f s after ', near.began_after_s) || coalesce(near.detail, 'a change') as evidence
from near
left join episodes
    on
        near.request_id = episodes.request_id
        and episodes.scope = 'group'

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
