-- Grain: one row per target address whose availability zone is known: the zone, and the machine that it is on.
-- Addresses are reused, but zones are subnets: an address stays in its zone.

select
    lifetimes.private_ip,
    max(settings.value) as zone,
    coalesce(max(lifetimes.instance_id), max(lifetimes.node_name), lifetimes.private_ip) as machine
from lifetimes
inner join settings
    on
        settings.setting = 'availability_zone'
        and (
            settings.resource = 'node/' || lifetimes.node_name
            or settings.resource = 'instance/' || lifetimes.instance_id
        )
where lifetimes.private_ip is not null
group by lifetimes.private_ip
