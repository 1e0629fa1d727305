-- /// finding
-- id = "health_check_is_slow"
-- title = "A dead target keeps getting requests for long"
-- severity = "note"
-- causes = ["target_crash", "scale_in", "spot_interruption"]
-- needs = ["health_check.interval_seconds", "health_check.unhealthy_threshold"]
-- change = "Check {name} every {wanted} s, unhealthy after 2 failures"
-- cli = "aws elbv2 modify-target-group --target-group-arn {resource} --health-check-interval-seconds {wanted} --unhealthy-threshold-count 2"
-- terraform = "aws_lb_target_group: health_check {{ interval = {wanted}, unhealthy_threshold = 2 }}"
-- kubectl = "alb.ingress.kubernetes.io/healthcheck-interval-seconds: '{wanted}'"
-- ///
--
-- Interval times threshold is how long a silent target is sent requests that time out after 10 s each.

select
    target_groups.target_group_arn as resource,
    target_groups.target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    printf(
        '%.0f s × %.0f', target_groups.health_check_interval_s, target_groups.unhealthy_threshold
    ) as current_value,
    '10' as wanted_value,
    printf(
        'a target that dies is called unhealthy after %.0f s',
        target_groups.health_check_interval_s * target_groups.unhealthy_threshold
    ) as evidence
from target_groups
where
    target_groups.health_check_interval_s * target_groups.unhealthy_threshold > 30.0
    and coalesce(target_groups.target_type, 'instance') <> 'lambda'
