-- /// cause
-- id = "zonal_failure"
-- title = "An availability zone failed its targets"
-- statuses = [502, 504]
-- rate = "episodic"
-- ceiling = "medium"
-- needs = ["error_zones", "gateway_errors", "target_groups"]
-- sources = []
-- remedy = "Shift traffic away from the zone (Amazon Application Recovery Controller zonal shift, zonal_shift.config.enabled), keep load_balancing.cross_zone.enabled and enough targets in every zone; check AWS Health for the zone named in the evidence"
-- ///
--
-- At least three targets of one zone fail within a minute while the other zones, with half of the traffic or more, are
-- clean: four in five errors or more lie in it. One target is no zone. Without an AWS Health event never above medium.

with

zonal as (

    select
        gateway_errors.request_id,
        gateway_errors.target_group_arn,
        gateway_errors.target_rate,
        error_zones.zone,
        error_zones.minute,
        error_zones.failing_targets,
        error_zones.zone_errors,
        error_zones.all_errors,
        cast(error_zones.zone_requests as double) as zone_requests,
        cast(error_zones.all_requests as double) as all_requests
    from gateway_errors
    inner join error_zones
        on gateway_errors.request_id = error_zones.request_id
    where
        gateway_errors.failure_class in (
            'closed_midway', 'closed_at_once', 'not_connected', 'connect_timeout', 'no_answer'
        )
        and error_zones.failing_targets >= 3
        and error_zones.zone_errors >= 0.8 * error_zones.all_errors
        and error_zones.zone_requests <= 0.5 * error_zones.all_requests

)

select
    request_id,
    'zone ' || target_group_arn || ' ' || zone || ' ' || cast(minute as varchar) as cluster_id,
    target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    zone_requests as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(0.3 * target_rate)
    -- Errors that do not care for zones would rarely meet in one: its share of the traffic says how rarely.
    + least(zone_errors - 1, 6) * ln(0.9 * all_requests / zone_requests) / zone_errors as log_likelihood,
    printf(
        '%d of %d errors of its minute lie in %s, on %d targets, with %.0f %% of the traffic',
        cast(zone_errors as integer), cast(all_errors as integer), zone, failing_targets,
        100.0 * zone_requests / all_requests
    ) as evidence
from zonal

union all

select
    null as request_id,
    null as cluster_id,
    target_group_arn as rate_group,
    null as event_id,
    null as lag_s,
    cast(requests as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    1e-8 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from target_groups
