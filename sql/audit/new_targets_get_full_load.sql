-- /// finding
-- id = "new_targets_get_full_load"
-- title = "A new target gets its full share at once"
-- severity = "note"
-- causes = ["new_node"]
-- needs = ["slow_start.duration_seconds"]
-- change = "Let new targets of {name} warm up: slow_start.duration_seconds={wanted}"
-- cli = "aws elbv2 modify-target-group-attributes --target-group-arn {resource} --attributes Key=slow_start.duration_seconds,Value={wanted}"
-- terraform = "aws_lb_target_group: slow_start = {wanted}"
-- kubectl = "alb.ingress.kubernetes.io/target-group-attributes: slow_start.duration_seconds={wanted}"
-- ///
--
-- It does not cure a node that cannot forward, but fewer requests meet it. Said only where new targets
-- did cost errors.

select
    scoped_settings.scope as resource,
    scoped_settings.scope as target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    scoped_settings.value as current_value,
    '60' as wanted_value,
    printf('%d errors came from targets that had just joined', count(*)) as evidence
from scoped_settings
inner join attributions
    on
        scoped_settings.scope = attributions.target_group_arn
        and attributions.cause = 'new_node'
where
    scoped_settings.setting = 'slow_start.duration_seconds'
    and try_cast(scoped_settings.value as double) = 0.0
    and scoped_settings.valid_to >= timestamptz '2199-01-01 00:00:00+00'
group by scoped_settings.scope, scoped_settings.value
