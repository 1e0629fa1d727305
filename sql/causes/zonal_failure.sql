-- /// cause
-- id = "zonal_failure"
-- title = "An availability zone failed its targets"
-- statuses = [502, 504]
-- rate = "episodic"
-- ceiling = "medium"
-- needs = ["backgrounds", "gateway_errors", "target_minutes", "target_zones", "zone_outages"]
-- sources = []
-- remedy = "Shift traffic away from the zone (Amazon Application Recovery Controller zonal shift, zonal_shift.config.enabled), keep load_balancing.cross_zone.enabled and enough targets in every zone; check AWS Health for the zone named in the evidence"
-- ///
--
-- Half of the machines of one zone fail at once, on three targets or more, while the other zones are clean or nearly so,
-- or while nobody there answers and the machines of the other zones do. Nodes elsewhere that forward to pods in the zone
-- fail with it, less often. One machine is no zone. Without an AWS Health event never above medium.

with

asked_elsewhere as (

    -- Each service has its own share of pods in the zone, and so fails through the other zones' nodes at its own.
    select
        zone_outages.outage_id,
        target_minutes.target_group_arn,
        sum(target_minutes.requests) as requests_elsewhere
    from zone_outages
    inner join target_minutes
        on
            zone_outages.elb = target_minutes.elb
            and target_minutes.minute between zone_outages.first_minute and zone_outages.last_minute
    inner join target_zones
        on
            target_minutes.target_group_arn = target_zones.target_group_arn
            and target_minutes.target_ip = target_zones.target_ip
            and zone_outages.zone != target_zones.zone
    group by zone_outages.outage_id, target_minutes.target_group_arn

),

zonal as (

    select
        gateway_errors.request_id,
        gateway_errors.target_group_arn,
        asked_elsewhere.requests_elsewhere,
        gateway_errors.failure_class,
        gateway_errors.target_rate,
        gateway_errors.target_ip,
        gateway_errors.host_answers_meanwhile,
        target_zones.zone = zone_outages.zone as is_inside,
        zone_outages.*
    from gateway_errors
    inner join target_zones
        on
            gateway_errors.target_group_arn = target_zones.target_group_arn
            and gateway_errors.target_ip = target_zones.target_ip
    inner join zone_outages
        on
            gateway_errors.elb = zone_outages.elb
            and minute_of(gateway_errors.began_at) <= zone_outages.last_minute + 1
            and minute_of(gateway_errors.failed_at) >= zone_outages.first_minute
    left join asked_elsewhere
        on
            zone_outages.outage_id = asked_elsewhere.outage_id
            and gateway_errors.target_group_arn = asked_elsewhere.target_group_arn
    where
        gateway_errors.failure_class in (
            'closed_midway', 'closed_at_once', 'not_connected', 'connect_timeout', 'tls_timeout', 'no_answer'
        )
        and (
            target_zones.zone = zone_outages.zone
            or (
                gateway_errors.target_type is distinct from 'ip'
                and gateway_errors.failure_class in ('connect_timeout', 'tls_timeout', 'no_answer')
            )
        )

),

lit as (

    -- Zones whose hosts answered others while they could not be connected to.
    select outage_id
    from zonal
    where is_inside and failure_class = 'connect_timeout'
    group by outage_id
    having
        2 * count(distinct target_ip) filter (where host_answers_meanwhile > 0)
        > count(distinct target_ip)

)

select
    request_id,
    outage_id || case when is_inside then '' else ' beyond ' || target_group_arn end as cluster_id,
    'all' as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    cast(case when is_inside then requests else coalesce(requests_elsewhere, 0) end as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(
        target_rate
        -- A change that began it, or a crowd, explains more than a zone that fails by itself.
        * case
            when is_inside then 0.5
            -- How often nodes elsewhere lead there hangs on where the pods are: their errors tell, by the rate.
            else 0.25
        end
        -- Who answers others meanwhile is not in the dark.
        * case
            when is_inside and host_answers_meanwhile > 0 then 0.1
            when outage_id in (select lit.outage_id from lit) then 0.1
            else 1.0
        end
        -- A dark zone is silent; few of its hosts are said to be unreachable.
        * case when failure_class in ('connect_timeout', 'tls_timeout', 'no_answer') then 1.0 else 0.05 end
    ) as log_likelihood,
    printf(
        '%d of %d machines in %s failed together: %.0f %% of its requests, %.1f %% elsewhere',
        failing_machines, machines, zone,
        100.0 * errors / requests, 100.0 * other_errors / greatest(other_requests, 1)
    )
    || case when is_inside then '' else '; this target is elsewhere and forwards there' end as evidence
from zonal

union all

select * replace (1e-8 as prior_rate, 'all' as rate_group)
from backgrounds
