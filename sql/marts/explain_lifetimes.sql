-- Grain: one row per holder of the target's address, in time order.

select lifetimes.*
from gateway_errors
inner join lifetimes
    on gateway_errors.target_ip = lifetimes.private_ip
where gateway_errors.request_id = $request_id
order by lifetimes.joined_at asc nulls first
