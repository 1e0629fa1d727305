-- Grain: one row per connection that was found closed on a pair of paused_pairs, and that no event and no
-- burst explains: what a keep-alive race can have been. One per target and half minute, so that a
-- common fate counts once.

with

blamed_on_events as (

    select
        request_id,
        sum(probability) as probability
    from candidates
    where event_id is not null
    group by request_id

),

fit as (

    select
        gateway_errors.request_id,
        gateway_errors.target_group_arn,
        gateway_errors.gap_s,
        row_number() over (
            partition by
                gateway_errors.target_group_arn,
                gateway_errors.target_ip,
                gateway_errors.target_port,
                epoch_us(gateway_errors.failed_at) // 30000000
            order by gateway_errors.failed_at, gateway_errors.request_id
        ) as turn
    from gateway_errors
    inner join paused_pairs
        on
            gateway_errors.target_group_arn = paused_pairs.target_group_arn
            and gateway_errors.target_ip = paused_pairs.target_ip
            and gateway_errors.target_port = paused_pairs.target_port
            and gateway_errors.elb_node_ip is not distinct from paused_pairs.elb_node_ip
    left join blamed_on_events
        on gateway_errors.request_id = blamed_on_events.request_id
    left join bursts
        on gateway_errors.request_id = bursts.request_id
    where
        gateway_errors.failure_class in ('closed_at_once', 'not_connected')
        and gateway_errors.gap_s is not null
        and coalesce(blamed_on_events.probability, 0.0) < 0.5
        and bursts.request_id is null

)

select
    request_id,
    target_group_arn,
    gap_s,
    cast(least(floor(10.0 * gap_s + 1e-6), 6000.0) as integer) as tenth
from fit
where turn = 1
