-- Grain: one row per gateway error that was dispatched or refused, and per sampled ordinary request of a target
-- group with such errors: when a request last completed on the same load balancer node and target, at most
-- some twenty minutes back. The load balancer keeps a pool, so the gap is a lower bound of how long the
-- connection had been idle. The ordinary ones tell what pauses the traffic itself makes.

with

minutes_before as (

    select
        request_id,
        target_group_arn,
        elb_node_ip,
        target_ip,
        target_port,
        began_at,
        unnest(generate_series(10 * block_of(began_at) - 10, minute - 1)) as minute_before
    from gap_moments

),

completed as (

    -- Of whole minutes the last completion is known; only in its own minute are the requests themselves looked at.
    select
        minutes_before.request_id,
        minutes_before.target_group_arn,
        minutes_before.elb_node_ip,
        minutes_before.target_ip,
        minutes_before.target_port,
        minutes_before.began_at,
        pair_minutes.last_answered_at as completed_at
    from minutes_before
    inner join pair_minutes
        on
            minutes_before.minute_before = pair_minutes.minute
            and minutes_before.target_ip = pair_minutes.target_ip
            and minutes_before.target_port = pair_minutes.target_port
            and minutes_before.elb_node_ip is not distinct from pair_minutes.elb_node_ip

    union all

    select
        gap_moments.request_id,
        gap_moments.target_group_arn,
        gap_moments.elb_node_ip,
        gap_moments.target_ip,
        gap_moments.target_port,
        gap_moments.began_at,
        requests.time as completed_at
    from gap_moments
    inner join requests
        on
            gap_moments.target_ip = requests.target_ip
            and gap_moments.target_port = requests.target_port
            and gap_moments.elb_node_ip is not distinct from requests.elb_node_ip
            and gap_moments.minute = minute_of(requests.time)
            and gap_moments.began_at >= requests.time
            and requests.target_status_code is not null
            and requests.type not in ('ws', 'wss')

)

select
    request_id,
    target_group_arn,
    elb_node_ip,
    target_ip,
    target_port,
    began_at,
    max(completed_at) as last_completed_at
from completed
where completed_at is not null
group by request_id, target_group_arn, elb_node_ip, target_ip, target_port, began_at
