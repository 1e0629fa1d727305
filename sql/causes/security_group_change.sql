-- /// cause
-- id = "security_group_change"
-- title = "A security group, network ACL or route began to block the targets"
-- statuses = [502, 504]
-- rate = "per_event"
-- ceiling = "medium"
-- needs = ["events", "gateway_errors", "settings"]
-- sources = ["changes"]
-- remedy = "Revert the change named in the evidence, or allow the load balancer's security group to the target and health-check ports (AuthorizeSecurityGroupIngress), and ephemeral ports 1024-65535 back in the network ACL"
-- ///
--
-- From the call on new connections go unanswered (504 after 10 s), until it is reverted. Tracked flows survive an edit
-- of a security group; an edit of a network ACL or a route cuts them at once, so requests in flight hang too. All targets
-- behind it fail alike, old ones as well as young ones. Whose
-- targets a group covers is not in the record: never above medium.

with

changes as (

    select
        event_id,
        occurred_at,
        uncertainty_s,
        reason,
        detail,
        lead(occurred_at) over (
            partition by reason
            order by occurred_at, event_id
        ) as next_at
    from events
    where kind = 'network_changed'

),

balancer_groups as (

    select distinct value as group_ids
    from settings
    where setting = 'security_groups'

),

scoped as (

    select
        changes.*,
        -- One that names a group of the load balancer is about it; whose the others are is not known.
        max(case
            when
                strpos(
                    balancer_groups.group_ids, nullif(regexp_extract(changes.detail, '(sg-[0-9a-f]+)', 1), '')
                )
                > 0
                then 1.0
            else 0.4
        end) as scope,
        max(least(coalesce(seconds_between(changes.occurred_at, changes.next_at), 3600.0), 3600.0))
            as lasted_s
    from changes
    left join balancer_groups
        on changes.reason = 'security_group'
    group by all

),

near as (

    select
        gateway_errors.*,
        scoped.event_id as change_id,
        scoped.reason,
        scoped.detail,
        scoped.scope,
        scoped.uncertainty_s,
        scoped.lasted_s,
        seconds_between(scoped.occurred_at, gateway_errors.began_at) as began_after_s,
        seconds_between(scoped.occurred_at, gateway_errors.failed_at) as failed_after_s
    from gateway_errors
    inner join scoped
        on
            gateway_errors.failed_at >= seconds_after(scoped.occurred_at, -5.0)
            and gateway_errors.began_at <= seconds_after(scoped.occurred_at, scoped.lasted_s + 15.0)
    where gateway_errors.failure_class in ('connect_timeout', 'no_answer', 'not_connected')

),

weighed as (

    select
        *,
        case
            when failure_class = 'connect_timeout' then 0.80
            when failure_class = 'no_answer' then 0.15
            else 0.05
        end as class_share,
        scope * target_share * case
            -- A security group leaves tracked flows alone.
            when failure_class = 'no_answer' and reason = 'security_group' then 0.1
            else 1.0
        end * case
            when failure_class = 'no_answer'
                then spread(began_after_s, -idle_timeout_s, least(lasted_s, 120.0), uncertainty_s)
            else
                -- Till the next call of its kind, but rarely for long.
                0.6 * spread(began_after_s, -8.0, least(lasted_s, 300.0) + 5.0, uncertainty_s)
                + 0.4 * spread(began_after_s, -8.0, lasted_s + 5.0, uncertainty_s)
        end as density
    from near

)

select
    request_id,
    change_id as cluster_id,
    reason as rate_group,
    change_id as event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    printf('%.0f s after ', began_after_s) || coalesce(detail, 'a change')
    || case
        when lasted_s < 3600.0 then printf('; the next such call came %.0f s after it', lasted_s) else ''
    end as evidence
from weighed
where density > 0.0

union all

select
    null as request_id,
    event_id as cluster_id,
    reason as rate_group,
    event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    0.1 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from scoped
