-- /// finding
-- id = "few_healthy_targets_open_all"
-- title = "The group fails open only when its last target is unhealthy"
-- severity = "note"
-- causes = ["overload", "target_timeout"]
-- needs = ["target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"]
-- change = "Let {name} route to all targets when fewer than {wanted} % are healthy"
-- cli = "aws elbv2 modify-target-group-attributes --target-group-arn {resource} --attributes Key=target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage,Value={wanted}"
-- terraform = "aws_lb_target_group: target_group_health {{ unhealthy_state_routing {{ minimum_healthy_targets_percentage = {wanted} }} }}"
-- kubectl = "alb.ingress.kubernetes.io/target-group-attributes: target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage={wanted}"
-- ///
--
-- When most targets fail their checks under load, the few that pass get everything and fail as well.
-- Worth a look only where overload was seen.

select
    scoped_settings.scope as resource,
    scoped_settings.scope as target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    scoped_settings.value as current_value,
    '50' as wanted_value,
    printf('%d targets; all requests go to whatever passes its checks', target_groups.targets) as evidence
from scoped_settings
inner join target_groups on scoped_settings.scope = target_groups.target_group_arn
inner join attributions
    on
        scoped_settings.scope = attributions.target_group_arn
        and attributions.cause = 'overload'
where
    scoped_settings.setting = 'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage'
    and scoped_settings.value = 'off'
    and target_groups.targets >= 4
group by scoped_settings.scope, scoped_settings.value, target_groups.targets
