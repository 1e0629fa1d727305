-- /// finding
-- id = "external_traffic_crosses_nodes"
-- title = "Every node forwards to pods on other nodes"
-- severity = "note"
-- causes = ["draining_pod", "scale_in", "target_crash", "spot_interruption"]
-- needs = ["target_type"]
-- change = "Register pods instead of nodes with {name} (target type ip), or set externalTrafficPolicy: Local on its service"
-- cli = "a new target group is needed: aws elbv2 create-target-group --target-type ip"
-- terraform = "aws_lb_target_group: target_type = \"ip\""
-- kubectl = "alb.ingress.kubernetes.io/target-type: ip, or kubectl patch service NAME -p '{{\"spec\":{{\"externalTrafficPolicy\":\"Local\"}}}}'"
-- ///
--
-- With target type instance and traffic policy Cluster a connection to any node leads to a pod on any
-- other: a pod or node that goes takes connections with it that the log books on healthy nodes.

with

local_services as (

    select distinct service_ports.node_port
    from service_ports
    inner join settings
        on
            settings.resource = 'service/' || service_ports.service
            and settings.setting = 'external_traffic_policy'
            and settings.value = 'Local'

),

ports as (

    select distinct
        pair_minutes.target_group_arn,
        pair_minutes.target_port
    from pair_minutes
    where pair_minutes.target_group_arn is not null

)

select
    target_groups.target_group_arn as resource,
    target_groups.target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    'instance' as current_value,
    'ip' as wanted_value,
    printf(
        '%d targets of type instance, and no service behind them with externalTrafficPolicy: Local',
        target_groups.targets
    ) as evidence
from target_groups
inner join ports on target_groups.target_group_arn = ports.target_group_arn
left join local_services on ports.target_port = local_services.node_port
where target_groups.target_type = 'instance'
group by target_groups.target_group_arn, target_groups.targets
having count(local_services.node_port) = 0
