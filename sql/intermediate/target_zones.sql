-- Grain: one row per target address whose availability zone is known: the zone, and the machine that it is on.
-- Addresses are reused, but zones are subnets: an address stays in its zone.

with

told as (

    -- Pods' addresses too: a machine's interface holds them.
    select
        private_ip,
        instance_id,
        node_name
    from lifetimes

    union

    select
        private_ip,
        instance_id,
        node_name
    from events
    where instance_id is not null or node_name is not null

)

select
    told.private_ip,
    max(settings.value) as zone,
    coalesce(max(told.instance_id), max(told.node_name), told.private_ip) as machine
from told
inner join settings
    on
        settings.setting = 'availability_zone'
        and (
            settings.resource = 'node/' || told.node_name
            or settings.resource = 'instance/' || told.instance_id
            or settings.resource = 'address/' || told.private_ip
        )
where told.private_ip is not null
group by told.private_ip
