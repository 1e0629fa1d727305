-- Grain: one row per stay of an address, for the $row_limit targets with most errors.
-- Who held the address from when until when: the bars that the errors are drawn on.

with

worst as (

    select
        attributions.target_ip,
        count(*) as errors
    from attributions
    where attributions.target_ip is not null
    group by attributions.target_ip
    order by errors desc, attributions.target_ip asc
    limit $row_limit

)

select
    worst.target_ip,
    worst.errors,
    lifetimes.kind,
    coalesce(lifetimes.pod_name, lifetimes.node_name, lifetimes.instance_id, worst.target_ip) as holder,
    coalesce(lifetimes.node_group, lifetimes.asg_name, lifetimes.service, '') as group_name,
    coalesce(greatest(lifetimes.joined_at, $first_at), $first_at) as seen_from,
    coalesce(least(lifetimes.left_at, $last_at), $last_at) as seen_to,
    lifetimes.joined_known_by,
    lifetimes.left_known_by,
    lifetimes.left_reason,
    lifetimes.drain_started_at
from worst
inner join lifetimes on worst.target_ip = lifetimes.private_ip
where
    (lifetimes.joined_at is null or lifetimes.joined_at < $last_at)
    and (lifetimes.left_at is null or lifetimes.left_at > $first_at)
order by worst.errors desc, worst.target_ip asc, seen_from asc, holder asc
