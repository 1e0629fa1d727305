-- /// finding
-- id = "drain_ends_before_readiness"
-- title = "Pods stop before their readiness probe could say so"
-- severity = "warning"
-- causes = ["draining_pod"]
-- needs = ["pre_stop_sleep_s", "readiness_detection_s"]
-- change = "Let the pods behind {name} sleep {wanted} s in preStop, and raise terminationGracePeriodSeconds by as much"
-- cli = "nothing in AWS decides this, but its delay should be as long: aws elbv2 modify-target-group-attributes --target-group-arn {resource} --attributes Key=deregistration_delay.timeout_seconds,Value={wanted}"
-- terraform = "kubernetes_deployment: lifecycle {{ pre_stop {{ sleep {{ seconds = {wanted} }} }} }}"
-- kubectl = "kubectl patch deployment NAME --type json -p '[{{\"op\":\"add\",\"path\":\"/spec/template/spec/containers/0/lifecycle\",\"value\":{{\"preStop\":{{\"sleep\":{{\"seconds\":{wanted}}}}}}}}}]'"
-- ///
--
-- A pod that is told to go should answer for longer than anybody needs to notice: its readiness probe needs
-- period times failure threshold. A hook that runs a command of its own may sleep as well; what it
-- does is not known, and nothing is said of it.

with

pods as (

    select
        scoped.target_group_arn,
        min(try_cast(sleeps.value as double)) as sleep_s,
        max(try_cast(probes.value as double)) as detection_s
    from (
        select distinct
            pair_minutes.target_group_arn,
            lifetimes.pod_uid
        from pair_minutes
        inner join lifetimes
            on pair_minutes.target_ip = lifetimes.private_ip and lifetimes.kind = 'pod'
    ) as scoped
    inner join settings as sleeps
        on sleeps.resource = 'pod/' || scoped.pod_uid and sleeps.setting = 'pre_stop_sleep_s'
    inner join settings as probes
        on probes.resource = 'pod/' || scoped.pod_uid and probes.setting = 'readiness_detection_s'
    group by scoped.target_group_arn

)

select
    pods.target_group_arn as resource,
    pods.target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    printf('%.0f', pods.sleep_s) as current_value,
    printf('%.0f', pods.detection_s + 5.0) as wanted_value,
    printf(
        'pods sleep %.0f s in preStop; their readiness probe needs %.0f s to fail',
        pods.sleep_s, pods.detection_s
    ) as evidence
from pods
inner join target_groups on pods.target_group_arn = target_groups.target_group_arn
where target_groups.target_type = 'ip' and pods.sleep_s < pods.detection_s
