-- Grain: one row per gateway error that was dispatched or refused, and per sampled ordinary request of a target
-- group with such errors: when a request last completed on the same load balancer node and target, at most
-- some twenty minutes back. The load balancer keeps a pool, so the gap is a lower bound of how long the
-- connection had been idle. The ordinary ones tell what pauses the traffic itself makes.

with

closing_groups as (

    select
        error_lines.target_group_arn,
        -- A few thousand are enough for any group.
        53 * greatest(1, cast(floor(max(target_groups.requests) / 200000.0) as bigint)) as one_in
    from error_lines
    inner join target_groups
        on error_lines.target_group_arn = target_groups.target_group_arn
    where error_lines.failure_class in ('closed_at_once', 'not_connected')
    group by error_lines.target_group_arn

),

sampled as (

    -- On pairs busier than one request a second pauses tell nothing.
    select
        requests.target_group_arn,
        requests.elb_node_ip,
        requests.target_ip,
        requests.target_port,
        requests.request_creation_time as began_at,
        requests.object_key || ':' || cast(requests.line_number as varchar) as sample_id
    from requests
    inner join closing_groups
        on requests.target_group_arn = closing_groups.target_group_arn
    inner join pair_rates
        on
            requests.target_group_arn = pair_rates.target_group_arn
            and requests.elb_node_ip is not distinct from pair_rates.elb_node_ip
            and requests.target_ip = pair_rates.target_ip
            and requests.target_port = pair_rates.target_port
    where
        in_sample(requests.time, closing_groups.one_in)
        and requests.target_status_code is not null
        and requests.type not in ('ws', 'wss')
        and requests.request_creation_time is not null
        and pair_rates.rate <= 1.0

),

wanted as (

    select
        request_id,
        cast(null as varchar) as sample_id,
        target_group_arn,
        elb_node_ip,
        target_ip,
        target_port,
        began_at,
        unnest([block_of(began_at) - 1, block_of(began_at)]) as block
    from error_lines
    where failure_class in ('closed_at_once', 'closed_midway', 'not_connected', 'no_answer')

    union all

    select
        null as request_id,
        sample_id,
        target_group_arn,
        elb_node_ip,
        target_ip,
        target_port,
        began_at,
        unnest([block_of(began_at) - 1, block_of(began_at)]) as block
    from sampled

)

select
    wanted.request_id,
    wanted.sample_id,
    wanted.target_group_arn,
    wanted.elb_node_ip,
    wanted.target_ip,
    wanted.target_port,
    wanted.began_at,
    max(requests.time) as last_completed_at
from wanted
inner join requests
    on
        wanted.target_ip = requests.target_ip
        and wanted.target_port = requests.target_port
        and wanted.elb_node_ip is not distinct from requests.elb_node_ip
        and wanted.block = block_of(requests.time)
        and wanted.began_at >= requests.time
        and requests.target_status_code is not null
        and requests.type not in ('ws', 'wss')
group by
    wanted.request_id,
    wanted.sample_id,
    wanted.target_group_arn,
    wanted.elb_node_ip,
    wanted.target_ip,
    wanted.target_port,
    wanted.began_at
