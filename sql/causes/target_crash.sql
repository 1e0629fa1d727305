-- /// cause
-- id = "target_crash"
-- title = "A process or host behind the load balancer died"
-- statuses = [502, 504]
-- rate = "per_event"
-- needs = ["bursts", "coverage", "episodes", "events", "gateway_errors", "lifetimes", "pair_minutes", "refusals", "service_ports", "target_groups"]
-- sources = ["pods", "nodes"]
-- remedy = "Unavoidable in the instant; make it rarer and smaller: raise the memory limit or fix the leak (OOMKilled), run more replicas spread over nodes, shorten health-check interval and threshold"
-- ///
--
-- The kernel closes the sockets of a killed process: everything in flight on it fails at one instant,
-- then connects are refused until it is back. A host that dies says nothing at all: its connects and
-- its requests in flight time out, and the replacement that follows is no scale-in. Where nobody watched pods, an ip
-- target says so itself: it cuts what was in flight, refuses, answers nobody meanwhile, and is back within a minute.

with

crashes as (

    select
        events.event_id,
        events.occurred_at,
        events.uncertainty_s,
        events.pod_name,
        events.reason,
        coalesce(pods.vpc_id, events.vpc_id) as vpc_id,
        coalesce(pods.private_ip, events.pod_ip) as pod_ip,
        coalesce(pods.service, events.service, '') as service,
        coalesce(events.pod_uid, events.pod_name, events.event_id)
        || ' ' || cast(minute_of(events.occurred_at) as varchar) as crash_id
    from events
    left join lifetimes as pods
        on
            events.pod_uid = pods.pod_uid
            and pods.kind = 'pod'
    where
        events.kind = 'container_crashed'
        -- One crash told by two records is one crash.
    qualify row_number() over (partition by crash_id order by events.uncertainty_s, events.event_id) = 1

),

services as (

    select distinct service
    from service_ports

),

near_crashes as (

    select
        gateway_errors.*,
        crashes.crash_id,
        crashes.event_id,
        crashes.pod_name,
        crashes.reason,
        crashes.service,
        crashes.uncertainty_s,
        gateway_errors.target_ip = crashes.pod_ip as is_the_pod,
        seconds_between(crashes.occurred_at, gateway_errors.failed_at) as failed_after_s,
        seconds_between(crashes.occurred_at, gateway_errors.began_at) as began_after_s
    from gateway_errors
    inner join crashes
        on
            gateway_errors.failed_at >= seconds_after(crashes.occurred_at, -4.0 - crashes.uncertainty_s)
            and gateway_errors.began_at <= seconds_after(crashes.occurred_at, 75.0 + crashes.uncertainty_s)
            and may_share_vpc(gateway_errors.vpc_id, crashes.vpc_id)
    where gateway_errors.failure_class in ('closed_midway', 'closed_at_once', 'not_connected')

),

pod_crashes as (

    select
        near_crashes.*,
        case
            when near_crashes.is_the_pod then 1.0
            when near_crashes.target_type = 'ip' then 0.0
            when services.service is null then 0.3 * near_crashes.target_share
            when service_ports.service is not null then near_crashes.target_share
            else 0.0
        end
        * case
            when near_crashes.failure_class = 'not_connected'
                then
                    0.6 * spread(near_crashes.began_after_s, -1.0, 15.0, near_crashes.uncertainty_s)
                    + 0.4 * spread(near_crashes.began_after_s, -1.0, 65.0, near_crashes.uncertainty_s)
            else
                0.8 * spread(near_crashes.failed_after_s, -1.0, 1.0, near_crashes.uncertainty_s)
                + 0.2 * spread(near_crashes.failed_after_s, -2.0, 5.0, near_crashes.uncertainty_s)
        end as density
    from near_crashes
    left join services
        on near_crashes.service = services.service
    left join service_ports
        on
            near_crashes.service = service_ports.service
            and near_crashes.target_port = service_ports.node_port

),

losses as (

    select
        lifetime_id,
        private_ip,
        vpc_id,
        node_name,
        coalesce(node_group, asg_name, '') as node_group,
        left_at,
        coalesce(left_uncertainty_s, 1.0) as uncertainty_s,
        left_event_id,
        left_reason
    from lifetimes
    where
        kind = 'node'
        and left_at is not null
        and left_reason in ('unhealthy', 'crash', 'impaired', 'node_lost')

),

pods_on_lost_nodes as (

    select distinct
        losses.lifetime_id,
        pods.private_ip
    from losses
    inner join lifetimes as pods
        on
            pods.kind = 'pod'
            and losses.node_name = pods.node_name
            and may_share_vpc(losses.vpc_id, pods.vpc_id)
            and (pods.joined_at is null or losses.left_at >= pods.joined_at)
            and (
                pods.left_at is null
                or pods.left_at >= seconds_after(losses.left_at, -900.0 - losses.uncertainty_s)
            )

),

addresses as (

    select
        lifetime_id,
        private_ip
    from losses

    union

    select
        lifetime_id,
        private_ip
    from pods_on_lost_nodes

),

places as (

    -- Addresses that fell silent with the host, and when each answered for the last time.
    select
        losses.lifetime_id,
        pair_minutes.target_ip,
        max(pair_minutes.last_answered_at) as last_answered_at
    from losses
    inner join addresses
        on losses.lifetime_id = addresses.lifetime_id
    inner join pair_minutes
        on
            addresses.private_ip = pair_minutes.target_ip
            and pair_minutes.last_answered_at between seconds_after(
                losses.left_at, -900.0 - losses.uncertainty_s
            )
            and seconds_after(losses.left_at, losses.uncertainty_s)
    inner join target_groups
        on
            pair_minutes.target_group_arn = target_groups.target_group_arn
            and may_share_vpc(target_groups.vpc_id, losses.vpc_id)
    group by losses.lifetime_id, pair_minutes.target_ip

),

last_words as (

    select
        lifetime_id,
        max(last_answered_at) as last_answered_at
    from places
    group by lifetime_id

),

silences as (

    select
        losses.*,
        -- The replacement is decided minutes after the loss: the log knows better when it went silent.
        coalesce(last_words.last_answered_at, seconds_after(losses.left_at, -60.0)) as lost_at,
        last_words.last_answered_at is null as is_guessed
    from losses
    left join last_words
        on losses.lifetime_id = last_words.lifetime_id

),

near_losses as (

    select
        gateway_errors.*,
        silences.lifetime_id as loss_id,
        silences.left_event_id,
        silences.node_group,
        silences.left_at,
        silences.private_ip as lost_ip,
        coalesce(silences.node_name, silences.private_ip) as lost_node,
        case when silences.is_guessed then 60.0 + silences.uncertainty_s else 1.0 end as blur_s,
        gateway_errors.target_ip = silences.private_ip
        or pods_on_lost_nodes.private_ip is not null as is_direct,
        seconds_between(silences.lost_at, gateway_errors.failed_at) as failed_after_s,
        seconds_between(silences.lost_at, gateway_errors.dispatched_at) as dispatched_after_s,
        seconds_between(silences.lost_at, silences.left_at) as silent_s
    from gateway_errors
    inner join silences
        on
            gateway_errors.failed_at >= seconds_after(silences.lost_at, -70.0 - silences.uncertainty_s)
            and gateway_errors.began_at <= seconds_after(silences.left_at, 70.0 + silences.uncertainty_s)
            and may_share_vpc(gateway_errors.vpc_id, silences.vpc_id)
    left join pods_on_lost_nodes
        on
            silences.lifetime_id = pods_on_lost_nodes.lifetime_id
            and gateway_errors.target_ip = pods_on_lost_nodes.private_ip
    where
        gateway_errors.failure_class in (
            'closed_midway', 'closed_at_once', 'not_connected', 'connect_timeout', 'tls_timeout', 'no_answer'
        )

),

unanswered as (

    select
        loss_id,
        count(distinct target_ip) as addresses
    from near_losses
    where failure_class in ('connect_timeout', 'tls_timeout')
    group by loss_id

),

node_losses as (

    select
        near_losses.*,
        case
            when near_losses.is_direct then 0.6
            when near_losses.target_type = 'ip' then 0.0
            -- Each SYN that is sent again is led to a pod anew: four must have met the lost node's. (Where that node's
            -- address is not known the target may be it, unless many fail.)
            when
                (near_losses.lost_ip is not null or unanswered.addresses >= 3)
                and near_losses.failure_class in ('connect_timeout', 'tls_timeout')
                then 0.03 * 0.4 * near_losses.target_share
            else 0.4 * near_losses.target_share
        end
        -- A host that is gone answers nobody.
        * case when near_losses.is_direct and near_losses.host_answers_meanwhile > 0 then 0.1 else 1.0 end
        * (
            0.7
            * spread(
                near_losses.dispatched_after_s, -8.0, near_losses.unhealthy_after_s + 15.0, near_losses.blur_s
            )
            + 0.3
            * spread(near_losses.dispatched_after_s, -8.0, near_losses.silent_s + 30.0, near_losses.blur_s)
        ) as density
    from near_losses
    left join unanswered
        on near_losses.loss_id = unanswered.loss_id

),

unrecorded as (

    select *
    from bursts
    where errors > 5.0 * expected_by_chance + 2.0

),

restarts as (

    select
        gateway_errors.request_id,
        gateway_errors.target_rate,
        refusals.*
    from refusals
    inner join episodes
        on refusals.episode_id = episodes.episode_id
    inner join gateway_errors
        on episodes.request_id = gateway_errors.request_id
    where
        refusals.cuts > 0
        and refusals.answered_before > 0
        and refusals.answered_meanwhile = 0
        and refusals.answered_after > 0
        and not exists (
            select 1
            from coverage
            where
                coverage.source in ('pods', 'audit')
                and gateway_errors.failed_at between coverage.covered_from and coverage.covered_to
                and is_of_place(gateway_errors.target_group_arn, coverage.account, coverage.region)
        )

)

select
    request_id,
    crash_id as cluster_id,
    'container ' || service as rate_group,
    event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    0.35 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    'pod ' || coalesce(pod_name, '?') || ' died (' || coalesce(reason, 'crash') || ') '
    || case
        when failed_after_s >= 0.0 then printf('%.1f s before the failure', failed_after_s)
        else printf('%.1f s after the failure', -failed_after_s)
    end as evidence
from pod_crashes
where density > 0.0

union all

select
    request_id,
    loss_id as cluster_id,
    'host ' || node_group as rate_group,
    left_event_id as event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    0.20 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    'node ' || coalesce(lost_node, '?') || printf(' fell silent %.0f s before the failure', failed_after_s)
    || ' and was found dead and replaced' as evidence
from node_losses
where density > 0.0

union all

select
    request_id,
    burst_id as cluster_id,
    'unrecorded' as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(1e-4 * (errors - 1) / (span_s + 0.5)) as log_likelihood,
    printf('cut together with %d others within %.1f s; no record names the process', errors - 1, span_s)
        as evidence
from unrecorded

union all

select
    request_id,
    'restart ' || episode_id as cluster_id,
    'unrecorded' as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    -- As rare as any other stretch in which a target cannot be connected to; all its errors pay for that together.
    ln(0.3 * target_rate) + ln(1e-6) / errors as log_likelihood,
    printf(
        'the target cut %d requests, then refused %d connections in %.0f s, and was back; no record',
        cuts, errors, seconds_between(started_at, ended_at)
    ) as evidence
from restarts

union all

select
    null as request_id,
    crash_id as cluster_id,
    'container ' || service as rate_group,
    event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    3.0 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from crashes

union all

select
    null as request_id,
    lifetime_id as cluster_id,
    'host ' || node_group as rate_group,
    left_event_id as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    3.0 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from losses
