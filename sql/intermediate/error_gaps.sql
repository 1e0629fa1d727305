-- Grain: one row per gateway error that has a predecessor: when a request last completed on the same
-- load balancer node and target, at most some twenty minutes back. The load balancer keeps a pool, so
-- the gap is a lower bound of how long the connection had been idle.

with

wanted as (

    select
        request_id,
        elb_node_ip,
        target_ip,
        target_port,
        began_at,
        unnest([block_of(began_at) - 1, block_of(began_at)]) as block
    from error_lines
    where failure_class in ('closed_at_once', 'closed_midway', 'not_connected', 'no_answer')

)

select
    wanted.request_id,
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
group by wanted.request_id
