-- Grain: one row per target whose availability zone is known: the zone, and the machine that it is on. Addresses
-- are reused, but zones are subnets: within a VPC an address stays in its zone.

with

told as (

    -- Pods' addresses too: a machine's interface holds them.
    select
        vpc_id,
        private_ip,
        instance_id,
        node_name
    from lifetimes

    union

    select
        vpc_id,
        private_ip,
        instance_id,
        node_name
    from events
    where instance_id is not null or node_name is not null

),

targets as (

    select distinct
        target_minutes.target_group_arn,
        target_minutes.target_ip,
        target_groups.vpc_id
    from target_minutes
    inner join target_groups
        on target_minutes.target_group_arn = target_groups.target_group_arn

)

select
    targets.target_group_arn,
    targets.target_ip,
    max(settings.value) as zone,
    coalesce(max(told.instance_id), max(told.node_name), targets.target_ip) as machine
from targets
inner join told
    on
        targets.target_ip = told.private_ip
        and may_share_vpc(targets.vpc_id, told.vpc_id)
inner join settings
    on
        settings.setting = 'availability_zone'
        and (
            settings.resource = 'node/' || told.node_name
            or settings.resource = 'instance/' || told.instance_id
            or settings.resource = 'address/' || told.private_ip
        )
group by targets.target_group_arn, targets.target_ip
