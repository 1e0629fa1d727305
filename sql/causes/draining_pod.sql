-- /// cause
-- id = "draining_pod"
-- title = "A draining pod exited while connections still led to it"
-- statuses = [502, 504]
-- rate = "per_event"
-- needs = ["bursts", "coverage", "gateway_errors", "pod_ends", "service_ports"]
-- sources = ["pods"]
-- remedy = "While draining answer with Connection: close, and let the pod outlive its traffic: preStop sleep longer than readiness detection plus endpoint propagation, terminationGracePeriodSeconds above it, target-type ip with pod readiness gates where possible"
-- ///
--
-- conntrack pins an established connection to its pod after the pod left the endpoints; when the pod
-- exits, every pinned connection breaks at once. Behind NodePort the burst spreads over many targets;
-- with ip targets it shows one, and refused or unanswered connects follow until it is deregistered.
-- A pod whose node was terminated at the same time is not counted here: the node is the root.

with

ends as (

    select
        pod_ends.*,
        coalesce(pod_ends.service, '') as service_name,
        seconds_between(pod_ends.drain_started_at, pod_ends.left_at) as drain_s
    from pod_ends
    where
        pod_ends.drain_started_at is not null
        and pod_ends.node_left_at is null
        and coalesce(pod_ends.left_reason, 'deleted') in ('deleted', 'evicted')

),

exposures as (

    select
        lifetime_id,
        private_ip,
        vpc_id,
        service_name,
        seconds_after(drain_started_at, -3.0) as exposed_from,
        seconds_after(left_at, 65.0 + left_uncertainty_s) as exposed_to
    from ends

),

span as (

    select
        min(began_at) as began_at,
        max(failed_at) as failed_at
    from gateway_errors

),

-- Errors and ends meet by ten minutes and by what leads from one to the other: so few pairs are left to compare. Blocks
-- reach as far as errors do: a clock that tells year 1 must not make one of every ten minutes since.
exposed as (

    select
        *,
        block_of(greatest(exposed_from, (select span.began_at from span))) as first_block,
        unnest(
            generate_series(
                block_of(greatest(exposed_from, (select span.began_at from span))),
                block_of(least(exposed_to, (select span.failed_at from span)))
            )
        ) as block
    from exposures
    where
        exposed_from <= (select span.failed_at from span)
        and exposed_to >= (select span.began_at from span)

),

struck as (

    select
        request_id,
        target_ip,
        target_port,
        target_share,
        vpc_id,
        began_at,
        failed_at,
        coalesce(target_type = 'ip', false) as is_ip_target,
        block_of(began_at) as first_block,
        unnest(generate_series(block_of(began_at), block_of(failed_at))) as block
    from gateway_errors
    where failure_class in ('closed_midway', 'closed_at_once', 'not_connected', 'connect_timeout')

),

met as (

    select
        struck.*,
        exposed.lifetime_id,
        exposed.exposed_from,
        exposed.exposed_to,
        exposed.vpc_id as pod_vpc_id,
        exposed.first_block as exposed_first_block,
        true as is_the_pod,
        1.0 as entity
    from struck
    inner join exposed
        on
            struck.block = exposed.block
            and struck.target_ip = exposed.private_ip

    union all

    select
        struck.*,
        exposed.lifetime_id,
        exposed.exposed_from,
        exposed.exposed_to,
        exposed.vpc_id as pod_vpc_id,
        exposed.first_block as exposed_first_block,
        false as is_the_pod,
        struck.target_share as entity
    from exposed
    inner join service_ports
        on exposed.service_name = service_ports.service
    inner join struck
        on
            exposed.block = struck.block
            and service_ports.node_port = struck.target_port
            and exposed.private_ip is distinct from struck.target_ip
    where not struck.is_ip_target

    union all

    -- Nothing says which ports lead to the pod.
    select
        struck.*,
        exposed.lifetime_id,
        exposed.exposed_from,
        exposed.exposed_to,
        exposed.vpc_id as pod_vpc_id,
        exposed.first_block as exposed_first_block,
        false as is_the_pod,
        0.3 * struck.target_share as entity
    from exposed
    inner join struck
        on
            exposed.block = struck.block
            and exposed.private_ip is distinct from struck.target_ip
    where
        not struck.is_ip_target
        and exposed.service_name not in (select service_ports.service from service_ports)

),

matched as (

    select
        gateway_errors.request_id,
        gateway_errors.failure_class,
        met.is_the_pod,
        met.entity,
        ends.lifetime_id as end_id,
        ends.pod_name,
        ends.left_known_by,
        ends.service_name,
        ends.drain_s,
        ends.left_uncertainty_s as uncertainty_s,
        coalesce(ends.left_event_id, ends.drain_event_id) as end_event_id,
        coalesce(bursts.errors > 5.0 * bursts.expected_by_chance + 2.0, false) as is_burst,
        seconds_between(ends.drain_started_at, gateway_errors.failed_at) as since_drain_s,
        seconds_between(ends.left_at, gateway_errors.failed_at) as failed_after_s,
        seconds_between(ends.left_at, gateway_errors.began_at) as began_after_s
    from met
    inner join gateway_errors
        on met.request_id = gateway_errors.request_id
    inner join ends
        on met.lifetime_id = ends.lifetime_id
    left join bursts
        on met.request_id = bursts.request_id
    where
        -- Both may last for several blocks: they meet in the first that they share.
        met.block = greatest(met.first_block, met.exposed_first_block)
        and met.failed_at >= met.exposed_from
        and met.began_at <= met.exposed_to
        and may_share_vpc(met.vpc_id, met.pod_vpc_id)

),

weighed as (

    select
        *,
        case
            when is_the_pod and failure_class in ('closed_midway', 'closed_at_once') then 0.25
            when is_the_pod and failure_class = 'not_connected' then 0.30
            when is_the_pod then 0.20
            when failure_class in ('closed_midway', 'closed_at_once') then 0.40
            when failure_class = 'not_connected' then 0.15
            else 0.05
        end as class_share,
        entity * case
            when failure_class in ('closed_midway', 'closed_at_once')
                then
                    0.83 * spread(failed_after_s, -1.0, 2.0, uncertainty_s)
                    -- Idle connections that the server closes as soon as it is asked to stop.
                    + 0.15 * spread(since_drain_s, 0.0, 5.0, 1.0)
                    -- It is asked after its preStop hook, at an instant that nobody recorded: many at once.
                    + case when is_burst then 0.02 else 0.002 end
                    * spread(since_drain_s, 0.0, drain_s + 5.0, uncertainty_s)
            when is_the_pod and failure_class = 'not_connected'
                then
                    0.5 * spread(began_after_s, -1.0, 20.0, uncertainty_s)
                    + 0.5 * spread(since_drain_s, 0.0, drain_s + 40.0, uncertainty_s)
            when is_the_pod
                then
                    spread(began_after_s, -8.0, 60.0, uncertainty_s)
            -- A node whose kube-proxy has not heard yet still leads new connections to it.
            when failure_class = 'not_connected'
                then
                    0.5 * spread(failed_after_s, -1.0, 10.0, uncertainty_s)
                    + 0.5 * spread(since_drain_s, 0.0, drain_s + 30.0, uncertainty_s)
            else
                -- A pod that is gone mostly answers with a reset here, and each SYN that is sent again is led to
                -- a pod anew: four that met silence are the exception.
                0.01 * spread(began_after_s, -8.0, 15.0, uncertainty_s)
        end as density
    from matched

),

unrecorded as (

    -- Without pod records a burst remains: some process ended. More often than not that is a deploy.
    select
        bursts.*,
        gateway_errors.failed_at
    from bursts
    inner join gateway_errors
        on bursts.request_id = gateway_errors.request_id
    where
        bursts.errors > 5.0 * bursts.expected_by_chance + 2.0
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
    end_id as cluster_id,
    service_name as rate_group,
    end_event_id as event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    case
        when left_known_by = 'logs'
            then 'the pod fell silent for good (no record of it); it went '
        else 'pod ' || pod_name || printf(' was asked to stop %.0f s before and exited ', since_drain_s)
    end
    || case
        when failed_after_s >= 0.0 then printf('%.1f s before the failure', failed_after_s)
        else printf('%.1f s after the failure', -failed_after_s)
    end as evidence
from weighed
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
    ln(3e-4 * (errors - 1) / (span_s + 0.5)) as log_likelihood,
    printf(
        'cut together with %d others within %.1f s; no pod records cover this time', errors - 1, span_s
    ) as evidence
from unrecorded

union all

select
    null as request_id,
    lifetime_id as cluster_id,
    service_name as rate_group,
    drain_event_id as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    0.3 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from ends
