-- Grain: one row per gateway error that was dispatched or refused, and per sampled ordinary request of a target
-- group with such errors: when a request last completed on the same load balancer node and target, at most
-- some twenty minutes back. The load balancer keeps a pool, so the gap is a lower bound of how long the
-- connection had been idle. The ordinary ones tell what pauses the traffic itself makes.

select
    gap_moments.request_id,
    gap_moments.target_group_arn,
    gap_moments.elb_node_ip,
    gap_moments.target_ip,
    gap_moments.target_port,
    gap_moments.began_at,
    max(requests.time) as last_completed_at
from gap_moments
inner join requests
    on
        gap_moments.target_ip = requests.target_ip
        and gap_moments.target_port = requests.target_port
        and gap_moments.elb_node_ip is not distinct from requests.elb_node_ip
        and gap_moments.block = block_of(requests.time)
        and gap_moments.began_at >= requests.time
        and requests.target_status_code is not null
        and requests.type not in ('ws', 'wss')
group by
    gap_moments.request_id,
    gap_moments.target_group_arn,
    gap_moments.elb_node_ip,
    gap_moments.target_ip,
    gap_moments.target_port,
    gap_moments.began_at
