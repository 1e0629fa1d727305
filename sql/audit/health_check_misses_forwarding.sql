-- /// finding
-- id = "health_check_misses_forwarding"
-- title = "The health check does not test what carries the traffic"
-- severity = "warning"
-- causes = ["new_node", "connect_timeout", "connection_refused"]
-- needs = ["health_check.port"]
-- change = "Check {name} on the traffic port"
-- cli = "aws elbv2 modify-target-group --target-group-arn {resource} --health-check-port traffic-port"
-- terraform = "aws_lb_target_group: health_check {{ port = \"traffic-port\" }}"
-- kubectl = "alb.ingress.kubernetes.io/healthcheck-port: traffic-port"
-- ///
--
-- A node that answers on another port is called healthy before it forwards on the one that counts.

select
    scoped_settings.scope as resource,
    scoped_settings.scope as target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    scoped_settings.value as current_value,
    'traffic-port' as wanted_value,
    'the health check asks port ' || scoped_settings.value
    || coalesce(', requests go to port ' || ports.value, '') as evidence
from scoped_settings
inner join target_groups on scoped_settings.scope = target_groups.target_group_arn
left join scoped_settings as ports
    on
        scoped_settings.scope = ports.scope
        and ports.setting = 'port'
where
    scoped_settings.setting = 'health_check.port'
    and scoped_settings.value <> 'traffic-port'
    and scoped_settings.value <> coalesce(ports.value, '')
    and coalesce(target_groups.target_type, 'instance') <> 'lambda'
    and scoped_settings.valid_to >= timestamptz '2199-01-01 00:00:00+00'
