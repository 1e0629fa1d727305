-- Grain: one row per gateway error that was dispatched or refused, and per sampled ordinary request of a target
-- group with such errors (without id). A table of its own: knowing how few
-- they are, the engine holds these in memory and lets the requests pass by, not the other way round.

with

sparse_pairs as (

    -- Where a close may be a race and pauses tell something: not on pairs busier than one request in 2 s.
    select
        pair_rates.target_group_arn,
        pair_rates.elb_node_ip,
        pair_rates.target_ip,
        pair_rates.target_port,
        -- A few thousand are enough for any group.
        53 * greatest(1, cast(floor(target_groups.requests / 200000.0) as bigint)) as one_in
    from pair_rates
    inner join target_groups
        on pair_rates.target_group_arn = target_groups.target_group_arn
    where
        pair_rates.rate <= 0.5
        and pair_rates.target_group_arn in (
            select error_lines.target_group_arn
            from error_lines
            where error_lines.failure_class in ('closed_at_once', 'not_connected')
        )

),

sampled as (

    select
        requests.target_group_arn,
        requests.elb_node_ip,
        requests.target_ip,
        requests.target_port,
        requests.request_creation_time as began_at
    from requests
    inner join sparse_pairs
        on
            requests.target_group_arn = sparse_pairs.target_group_arn
            and requests.elb_node_ip is not distinct from sparse_pairs.elb_node_ip
            and requests.target_ip = sparse_pairs.target_ip
            and requests.target_port = sparse_pairs.target_port
    where
        in_sample(requests.time, sparse_pairs.one_in)
        and requests.target_status_code is not null
        and requests.type not in ('ws', 'wss')
        and requests.request_creation_time is not null

)

select
    request_id,
    target_group_arn,
    elb_node_ip,
    target_ip,
    target_port,
    began_at,
    minute_of(began_at) as minute
from error_lines
where failure_class in ('closed_at_once', 'closed_midway', 'not_connected', 'no_answer')

union all

select
    null as request_id,
    target_group_arn,
    elb_node_ip,
    target_ip,
    target_port,
    began_at,
    minute_of(began_at) as minute
from sampled
