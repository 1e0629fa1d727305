-- Grain: one row per target whose availability zone is known: the zone, and the machine that it is on. Addresses
-- are reused, but zones are subnets: within a VPC an address stays in its zone. So an address that no source places
-- any more (a pod or a machine that is gone) is of the zone of its block, and on a machine that is not known.

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

placed as (

    select
        told.vpc_id,
        told.private_ip,
        max(settings.value) as zone,
        coalesce(max(told.instance_id), max(told.node_name), told.private_ip) as machine,
        ipv4_number(told.private_ip) as number
    from told
    inner join settings
        on
            settings.setting = 'availability_zone'
            and (
                settings.resource = 'node/' || told.node_name
                or settings.resource = 'instance/' || told.instance_id
                or settings.resource = 'address/' || told.private_ip
            )
    group by told.vpc_id, told.private_ip

),

lengths as (

    -- A VPC's subnet has a prefix of 16 to 28 bits.
    select
        every.prefix_bits,
        every.block_size
    from (
        values
        (16, 65536), (17, 32768), (18, 16384), (19, 8192), (20, 4096), (21, 2048), (22, 1024),
        (23, 512), (24, 256), (25, 128), (26, 64), (27, 32), (28, 16)
    ) as every (prefix_bits, block_size)

),

blocks as (

    select
        placed.vpc_id,
        lengths.prefix_bits,
        lengths.block_size,
        placed.number // lengths.block_size as block,
        min(placed.zone) as zone,
        count(distinct placed.zone) as zones
    from placed
    cross join lengths
    where placed.vpc_id is not null and placed.number is not null
    group by placed.vpc_id, lengths.prefix_bits, lengths.block_size, placed.number // lengths.block_size

),

subnets as (

    -- The largest blocks of a VPC of which none spans two zones. A VPC of which one zone only is known tells nothing.
    select
        vpc_id,
        min(prefix_bits) as prefix_bits
    from (
        select
            vpc_id,
            prefix_bits
        from blocks
        group by vpc_id, prefix_bits
        having max(zones) = 1 and count(distinct zone) >= 2
    ) as undivided
    group by vpc_id

),

targets as (

    select distinct
        target_minutes.target_group_arn,
        target_minutes.target_ip,
        target_groups.vpc_id,
        ipv4_number(target_minutes.target_ip) as number
    from target_minutes
    inner join target_groups
        on target_minutes.target_group_arn = target_groups.target_group_arn

),

known as (

    select
        targets.target_group_arn,
        targets.target_ip,
        max(placed.zone) as zone,
        max(placed.machine) as machine
    from targets
    inner join placed
        on
            targets.target_ip = placed.private_ip
            and may_share_vpc(targets.vpc_id, placed.vpc_id)
    group by targets.target_group_arn, targets.target_ip

)

select
    target_group_arn,
    target_ip,
    zone,
    machine
from known

union all

select
    targets.target_group_arn,
    targets.target_ip,
    blocks.zone,
    cast(null as varchar) as machine
from targets
left join known
    on
        targets.target_group_arn = known.target_group_arn
        and targets.target_ip = known.target_ip
inner join subnets
    on targets.vpc_id = subnets.vpc_id
inner join blocks
    on
        subnets.vpc_id = blocks.vpc_id
        and subnets.prefix_bits = blocks.prefix_bits
        and targets.number // blocks.block_size = blocks.block
where known.target_ip is null
