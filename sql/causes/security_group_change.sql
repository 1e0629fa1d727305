-- /// cause
-- id = "security_group_change"
-- title = "A security group, network ACL or route began to block the targets"
-- statuses = [502, 504]
-- rate = "triggered"
-- ceiling = "medium"
-- needs = ["episodes", "events", "gateway_errors", "group_stop_errors", "settings", "strains", "target_zones", "zone_outages"]
-- sources = ["changes"]
-- remedy = "Revert the change named in the evidence, or allow the load balancer's security group to the target and health-check ports (AuthorizeSecurityGroupIngress), and ephemeral ports 1024-65535 back in the network ACL"
-- ///
--
-- From the call on new connections go unanswered (504 after 10 s), until it is reverted. Tracked flows survive an edit
-- of a security group; an edit of a network ACL or a route cuts them at once, so requests in flight hang too. All targets
-- behind it fail alike, old ones as well as young ones. Whose
-- targets a group covers is not in the record: never above medium.
-- Where nobody recorded changes, the log alone shows a filter that keeps state: a whole target group cannot be connected
-- to any more, at usual load, while its hosts go on answering on connections that they had and on other ports, or while
-- nothing hangs and no other group fails. A lost host or zone answers nobody, and a new target fails alone.

with

changes as (

    select
        event_id,
        occurred_at,
        uncertainty_s,
        reason,
        detail,
        -- What allows more blocks nothing.
        not coalesce(detail, '') ~ '^AuthorizeSecurityGroup' as can_block,
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
            else 0.7
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
        scoped.occurred_at as changed_at,
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
            -- Later calls may be about other ports: what began with this one may outlast them.
            and gateway_errors.began_at <= seconds_after(scoped.occurred_at, 3600.0)
    where
        scoped.can_block
        and gateway_errors.failure_class in ('connect_timeout', 'no_answer', 'not_connected')

),

placed as (

    -- Connecting fails in stretches. All targets behind a security group fail alike, those of a subnet may be few.
    select
        near.*,
        episodes.episode_id as stretch_id,
        episodes.requests as stretch_requests
    from near
    inner join episodes
        on near.request_id = episodes.request_id
    where near.reason <> 'security_group' or episodes.scope = 'group'

    union all

    -- Requests in flight hang together, and are a stretch of their own.
    select
        *,
        'in flight ' || target_group_arn as stretch_id,
        1.5 * count(*) over (partition by change_id, target_group_arn) as stretch_requests
    from near
    where failure_class = 'no_answer' and began_after_s between -idle_timeout_s and greatest(lasted_s, 120.0)

    union all

    -- A network ACL belongs to subnets, and those to a zone: it cuts what is there and on its way there.
    select
        near.*,
        zone_outages.outage_id || case when target_zones.zone = zone_outages.zone then '' else ' beyond' end
            as stretch_id,
        case
            when target_zones.zone = zone_outages.zone then zone_outages.requests
            else zone_outages.other_requests
        end as stretch_requests
    from near
    inner join target_zones
        on
            near.target_group_arn = target_zones.target_group_arn
            and near.target_ip = target_zones.target_ip
    inner join zone_outages
        on
            near.elb = zone_outages.elb
            and minute_of(near.began_at) <= zone_outages.last_minute + 1
            and minute_of(near.failed_at) >= zone_outages.first_minute
            and zone_outages.first_minute - minute_of(near.changed_at) between -1 and 2
            and (target_zones.zone = zone_outages.zone or near.target_type is distinct from 'ip')
    where near.reason <> 'security_group'

),

started as (

    select
        *,
        min(began_after_s) over (partition by change_id, stretch_id) as onset_s
    from placed

),

weighed as (

    select
        *,
        scope * target_rate * case
            -- Blocked packets raise no load and slow no answer; a zone that is cut off leaves its load to the others.
            when stretch_id not like 'zone %' and exists (
                select 1
                from strains
                where
                    started.target_group_arn = strains.target_group_arn
                    and started.failed_at
                    between strains.started_at and seconds_after(strains.ended_at, 30.0)
            ) then 0.1
            else 1.0
        end * case
            -- A security group leaves tracked flows alone.
            when failure_class = 'no_answer' and reason = 'security_group' then 0.05
            when failure_class = 'not_connected' then 0.01
            else 1.0
        end * case
            -- A stretch that had begun before is not its doing. Pools age, so it may begin late.
            when onset_s < -12.0 - uncertainty_s and failure_class <> 'no_answer' then 0.0
            when onset_s <= 60.0 then 1.0
            when onset_s <= least(lasted_s, 300.0) + 5.0 then 0.5
            else 0.0
        end * case
            -- Each SYN that is sent again is led to a pod anew: four must have met the subnet's.
            when stretch_id like '% beyond' and failure_class in ('connect_timeout', 'tls_timeout') then 0.03
            else 1.0
        end as density
    from started

),

unrecorded as (

    select *
    from group_stop_errors
    where
        failure_class = 'connect_timeout'
        and (
            answering_targets * 2 >= failing_targets
            -- Who has no connection left cannot answer: then nothing hangs, and nothing else fails.
            or (hung * 10 <= errors and others_fare_well)
        )
        -- Who lost which node must be known.
        and nodes_watched and not changes_watched
        and not exists (
            select 1
            from strains
            where
                group_stop_errors.target_group_arn = strains.target_group_arn
                and group_stop_errors.failed_at
                between strains.started_at and seconds_after(strains.ended_at, 30.0)
        )

)

select
    request_id,
    change_id || ' ' || stretch_id as cluster_id,
    reason as rate_group,
    change_id as event_id,
    failed_after_s as lag_s,
    stretch_requests as exposure,
    0.0 as support,
    1.0 as class_share,
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
    request_id,
    'unrecorded ' || episode_id as cluster_id,
    'unrecorded' as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    requests as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(0.5 * target_rate) as log_likelihood,
    printf(
        '%d of %d targets of its group could not be connected to for %.0f s, while the hosts of %d',
        failing_targets, asked_targets, seconds_between(started_at, ended_at), answering_targets
    )
    || ' answered on connections that they had or on other ports; no record of changes covers it' as evidence
from unrecorded

union all

-- As rare as an episode of any other place: no event makes it likelier.
select
    null as request_id,
    'unrecorded' as cluster_id,
    'unrecorded' as rate_group,
    null as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    1e-6 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence

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
where can_block
