-- Grain: one row per sampled ordinary request: the pause on its pair before it, and how busy the pair was,
-- as for the errors (requests per second over its minute and two minutes either side).

select
    pair_gaps.target_group_arn,
    seconds_between(pair_gaps.last_completed_at, pair_gaps.began_at) as gap_s,
    sum(pair_minutes.requests) / 300.0 as pair_rate
from pair_gaps
inner join pair_minutes
    on
        pair_gaps.target_group_arn = pair_minutes.target_group_arn
        and pair_gaps.target_ip = pair_minutes.target_ip
        and pair_gaps.target_port = pair_minutes.target_port
        and pair_gaps.elb_node_ip is not distinct from pair_minutes.elb_node_ip
        and pair_minutes.minute between minute_of(pair_gaps.began_at) - 2
        and minute_of(pair_gaps.began_at) + 2
where pair_gaps.request_id is null
group by
    pair_gaps.target_group_arn,
    pair_gaps.elb_node_ip,
    pair_gaps.target_ip,
    pair_gaps.target_port,
    pair_gaps.last_completed_at,
    pair_gaps.began_at
