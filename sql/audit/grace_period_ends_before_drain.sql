-- /// finding
-- id = "grace_period_ends_before_drain"
-- title = "Pods are killed before their load balancer has drained them"
-- severity = "error"
-- causes = ["draining_pod"]
-- needs = ["termination_grace_period_s", "deregistration_delay.timeout_seconds"]
-- change = "Give the pods behind {name} a terminationGracePeriodSeconds of {wanted} and a preStop sleep of the deregistration delay, or lower the delay below the grace period"
-- cli = "aws elbv2 modify-target-group-attributes --target-group-arn {resource} --attributes Key=deregistration_delay.timeout_seconds,Value={current}"
-- terraform = "kubernetes_deployment: termination_grace_period_seconds = {wanted}"
-- kubectl = "kubectl patch deployment NAME -p '{{\"spec\":{{\"template\":{{\"spec\":{{\"terminationGracePeriodSeconds\":{wanted}}}}}}}}}'"
-- ///
--
-- A pod that is told to go has its grace period, preStop hook included. Where that is shorter than the
-- deregistration delay, connections still lead to it when it is killed. Targets of type ip only: behind
-- NodePort the target group's delay is the node's, not the pod's.

with

graces as (

    select
        served_pods.target_group_arn,
        coalesce(served_pods.service, 'unknown') as service,
        min(try_cast(settings.value as double)) as grace_s,
        sum(served_pods.requests) as requests
    from served_pods
    inner join settings
        on
            (
                settings.resource = 'pod/' || served_pods.pod_uid
                or settings.resource = 'pod/' || served_pods.pod_name
            )
            and settings.setting = 'termination_grace_period_s'
    group by served_pods.target_group_arn, coalesce(served_pods.service, 'unknown')

)

select
    graces.target_group_arn as resource,
    graces.target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    printf('%.0f', graces.grace_s) as current_value,
    printf('%.0f', target_groups.deregistration_delay_s + 30.0) as wanted_value,
    printf(
        'pods of %s have a grace period of %.0f s; the deregistration delay is %.0f s',
        graces.service, graces.grace_s, target_groups.deregistration_delay_s
    ) as evidence
from graces
inner join target_groups on graces.target_group_arn = target_groups.target_group_arn
where
    target_groups.target_type = 'ip'
    and graces.grace_s < target_groups.deregistration_delay_s
    -- An address that changed hands within a minute makes a few requests look like another service's.
    and graces.requests * 5 >= target_groups.requests
