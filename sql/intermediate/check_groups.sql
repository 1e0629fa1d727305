-- Grain: one row per target group with a gateway error of the transport: are its targets pods or nodes?
-- Where no source says, its addresses do.

with

failing as (

    select distinct target_group_arn
    from gateway_errors
    where target_group_arn is not null

),

of_nodes as (

    select distinct target_minutes.target_group_arn
    from target_minutes
    inner join target_groups
        on target_minutes.target_group_arn = target_groups.target_group_arn
    inner join lifetimes
        on
            target_minutes.target_ip = lifetimes.private_ip
            and may_share_vpc(target_groups.vpc_id, lifetimes.vpc_id)
    where lifetimes.kind = 'node'

)

select
    target_groups.target_group_arn,
    target_groups.deregistration_delay_s,
    coalesce(target_groups.target_type = 'ip', of_nodes.target_group_arn is null) as are_pods
from target_groups
inner join failing
    on target_groups.target_group_arn = failing.target_group_arn
left join of_nodes
    on target_groups.target_group_arn = of_nodes.target_group_arn
