-- /// finding
-- id = "nodes_leave_without_hook"
-- title = "Nodes of the group leave without being drained"
-- severity = "error"
-- causes = ["scale_in", "spot_interruption"]
-- needs = ["lifecycle_hooks.terminating"]
-- change = "Give the Auto Scaling group {name} a termination lifecycle hook that deregisters the node and waits for the deregistration delay"
-- cli = "aws autoscaling put-lifecycle-hook --auto-scaling-group-name {name} --lifecycle-hook-name drain --lifecycle-transition autoscaling:EC2_INSTANCE_TERMINATING --heartbeat-timeout {wanted} --default-result CONTINUE"
-- terraform = "aws_autoscaling_lifecycle_hook: lifecycle_transition = \"autoscaling:EC2_INSTANCE_TERMINATING\", heartbeat_timeout = {wanted}"
-- kubectl = "kubectl drain NODE --ignore-daemonsets --delete-emptydir-data, run by the hook's handler before CONTINUE"
-- ///
--
-- Nodes that left abruptly while their group has no hook that could have held them. Whether a hook is
-- there is said where the settings know it.

with

-- Two regions may have a group of the same name: then its ARN says which one a node was of.
arns as (

    select
        settings.value as arn,
        regexp_extract(settings.value, 'autoScalingGroupName/(.+)$', 1) as asg_name
    from settings
    where settings.setting = 'asg_arn'

    union distinct

    select
        settings.resource as arn,
        regexp_extract(settings.resource, 'autoScalingGroupName/(.+)$', 1) as asg_name
    from settings
    where settings.resource like '%:autoScalingGroup:%'

),

names as (

    select
        arns.asg_name,
        min(arns.arn) as arn,
        count(*) as groups
    from arns
    group by arns.asg_name

),

instances as (

    select
        settings.resource,
        max(settings.value) as arn
    from settings
    where settings.setting = 'asg_arn'
    group by settings.resource

),

nodes as (

    select
        lifetimes.*,
        coalesce(lifetimes.asg_name, lifetimes.node_group) as group_name
    from lifetimes
    where lifetimes.kind = 'node'

),

leaves as (

    select
        nodes.group_name as asg_name,
        coalesce(instances.arn, case when names.groups = 1 then names.arn end) as arn,
        coalesce(names.groups, 0) > 1 as is_ambiguous,
        coalesce(nodes.node_group, nodes.asg_name) as node_group,
        count(*) as leaves,
        sum(case when nodes.is_graceful then 0 else 1 end) as abrupt
    from nodes
    left join instances on instances.resource = 'instance/' || nodes.instance_id
    left join names on nodes.group_name = names.asg_name
    where
        nodes.left_at is not null
        and nodes.left_known_by <> 'logs'
        and nodes.group_name is not null
        and coalesce(nodes.left_reason, '') not in ('unhealthy', 'crash', 'impaired', 'node_lost')
    group by
        nodes.group_name,
        coalesce(instances.arn, case when names.groups = 1 then names.arn end),
        coalesce(names.groups, 0) > 1,
        coalesce(nodes.node_group, nodes.asg_name)

),

hooks as (

    select
        settings.resource,
        max(settings.value) as hook
    from settings
    where settings.setting = 'lifecycle_hooks.terminating'
    group by settings.resource

),

drains as (

    select max(target_groups.deregistration_delay_s) as longest_s
    from target_groups

)

select
    case
        when leaves.is_ambiguous and leaves.arn is not null then leaves.arn
        else 'auto-scaling-group/' || leaves.asg_name
    end as resource,
    cast(null as varchar) as target_group_arn,
    cast(null as varchar) as elb,
    leaves.node_group,
    coalesce(hooks.hook, 'unknown') as current_value,
    printf('%.0f', coalesce(drains.longest_s, 300.0) + 60.0) as wanted_value,
    printf('%d of %d nodes left without draining', leaves.abrupt, leaves.leaves)
    || case
        when hooks.hook = 'none' then '; the group has no termination hook'
        when hooks.hook is null then '; whether the group has a termination hook was not collected'
        else '; its hook ' || hooks.hook || ' did not drain them'
    end as evidence
from leaves
cross join drains
left join hooks
    on
        hooks.resource = coalesce(leaves.arn, 'auto-scaling-group/' || leaves.asg_name)
        or hooks.resource = 'auto-scaling-group/*'
where leaves.abrupt > 0
