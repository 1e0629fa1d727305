-- Grain: one row per event of a cause and place where it could cause errors: a target group, or one target
-- of it where targets are pods. `opens_at` to `closes_at` is when such errors would come. The windows are
-- the core of each cause's mechanism, on purpose plainer than its likelihood: they check it. Where one law rules
-- the lags, more than half of the errors come from `core_opens_at` to `core_closes_at`; else these are null.

with

spans as (

    select
        known.cause,
        known.anchor,
        known.opens_s,
        known.closes_s,
        known.core_opens_s,
        known.core_closes_s
    from (
        values
        ('scale_in', 'left', -5.0, 90.0, -5.0, 30.0),
        ('spot_interruption', 'left', -5.0, 90.0, -5.0, 30.0),
        ('new_node', 'joined', 0.0, 180.0, 0.0, 60.0),
        ('draining_pod', 'left', -2.0, 20.0, -1.0, 8.0),
        ('target_crash', 'left', -5.0, 65.0, null, null),
        ('deregistration_delay_expired', 'delay', -5.0, 5.0, -1.0, 2.0),
        ('kube_proxy_restart', 'event', -5.0, 60.0, -5.0, 5.0)
    ) as known (cause, anchor, opens_s, closes_s, core_opens_s, core_closes_s)

),

subjects as (

    select
        cause_events.cause,
        cause_events.cluster_id,
        events.target_group_arn,
        coalesce(spans.anchor, 'event') as anchor,
        coalesce(spans.opens_s, -5.0) as opens_s,
        coalesce(spans.closes_s, 60.0) as closes_s,
        spans.core_opens_s,
        spans.core_closes_s,
        coalesce(lifetimes.private_ip, events.pod_ip, events.private_ip) as address,
        coalesce(lifetimes.vpc_id, events.vpc_id) as vpc_id,
        coalesce(lifetimes.node_name, events.node_name) as node_name,
        coalesce(lifetimes.service, events.service) as service,
        coalesce(lifetimes.kind, case when events.pod_name is null then 'node' else 'pod' end) as kind,
        case
            when spans.anchor = 'left' then coalesce(lifetimes.left_at, events.occurred_at)
            when spans.anchor = 'joined' then coalesce(lifetimes.joined_at, events.occurred_at)
            else events.occurred_at
        end as happened_at,
        coalesce(
            case
                when spans.anchor = 'left' then lifetimes.left_uncertainty_s
                when spans.anchor = 'joined' then lifetimes.joined_uncertainty_s
            end,
            events.uncertainty_s,
            1.0
        ) as uncertainty_s
    from cause_events
    left join spans
        on cause_events.cause = spans.cause
    left join lifetimes
        on cause_events.cluster_id = lifetimes.lifetime_id
    left join events
        on cause_events.event_id = events.event_id

),

pod_targets as (

    select distinct
        target_minutes.target_group_arn,
        target_minutes.target_ip,
        target_groups.vpc_id
    from target_minutes
    inner join target_groups
        on target_minutes.target_group_arn = target_groups.target_group_arn
    inner join check_groups
        on
            target_minutes.target_group_arn = check_groups.target_group_arn
            and check_groups.are_pods

),

node_ports as (

    select distinct
        target_minutes.target_group_arn,
        target_minutes.target_port
    from target_minutes
    inner join check_groups
        on
            target_minutes.target_group_arn = check_groups.target_group_arn
            and not check_groups.are_pods

),

ports_of_service as (

    select
        service,
        list(node_port) as ports
    from service_ports
    group by service

),

on_pods as (

    -- Targets are pods: the pod itself, or the pods of the node.
    select
        subjects.*,
        pod_targets.target_group_arn as at_group,
        pod_targets.target_ip as at_target
    from subjects
    inner join pod_targets
        on
            subjects.address = pod_targets.target_ip
            and may_share_vpc(subjects.vpc_id, pod_targets.vpc_id)

    union

    select
        subjects.*,
        pod_targets.target_group_arn as at_group,
        pod_targets.target_ip as at_target
    from subjects
    inner join lifetimes
        on
            subjects.kind = 'node'
            and lifetimes.kind = 'pod'
            and subjects.node_name = lifetimes.node_name
            and may_share_vpc(subjects.vpc_id, lifetimes.vpc_id)
            and coalesce(
                lifetimes.joined_at <= seconds_after(subjects.happened_at, 200.0), true
            )
            and coalesce(
                lifetimes.left_at >= seconds_after(subjects.happened_at, -200.0), true
            )
    inner join pod_targets
        on
            lifetimes.private_ip = pod_targets.target_ip
            and may_share_vpc(lifetimes.vpc_id, pod_targets.vpc_id)

),

on_nodes as (

    -- Targets are nodes: any of them leads to any pod of the service, so the window holds for all.
    select distinct
        subjects.*,
        node_ports.target_group_arn as at_group,
        cast(null as varchar) as at_target
    from subjects
    cross join node_ports
    left join ports_of_service
        on subjects.kind = 'pod' and subjects.service = ports_of_service.service
    where
        ports_of_service.ports is null
        or list_contains(ports_of_service.ports, node_ports.target_port)

),

placed as (

    select * from on_pods
    union all
    select * from on_nodes

),

timed as (

    select
        placed.*,
        seconds_after(
            placed.happened_at,
            case when placed.anchor = 'delay' then check_groups.deregistration_delay_s else 0.0 end
        ) as starts_at
    from placed
    inner join check_groups
        on placed.at_group = check_groups.target_group_arn
    where
        placed.happened_at is not null
        and (placed.target_group_arn is null or placed.target_group_arn = placed.at_group)

)

select distinct
    cause,
    cluster_id,
    at_group as target_group_arn,
    at_target as target_ip,
    seconds_after(starts_at, opens_s - uncertainty_s) as opens_at,
    seconds_after(starts_at, closes_s + uncertainty_s) as closes_at,
    seconds_after(starts_at, core_opens_s - uncertainty_s) as core_opens_at,
    seconds_after(starts_at, core_closes_s + uncertainty_s) as core_closes_at
from timed
