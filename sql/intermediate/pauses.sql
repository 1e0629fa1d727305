-- Grain: one row per target group and tenth of a second: how many requests found their pair of load
-- balancer node and target idle for so long. What the errors' own pauses are compared with.

with

of_pairs as (

    select
        paused_pairs.pair,
        requests.time,
        requests.target_status_code,
        requests.type,
        coalesce(
            requests.request_creation_time,
            seconds_after(
                requests.time,
                -(
                    greatest(requests.request_processing_time, 0.0)
                    + greatest(requests.target_processing_time, 0.0)
                    + greatest(requests.response_processing_time, 0.0)
                )
            )
        ) as began_at
    from requests
    inner join paused_pairs
        on
            requests.target_group_arn = paused_pairs.target_group_arn
            and requests.target_ip = paused_pairs.target_ip
            and requests.target_port = paused_pairs.target_port
            and requests.elb_node_ip is not distinct from paused_pairs.elb_node_ip

),

moments as (

    select
        pair,
        began_at as instant,
        cast(null as timestamptz) as completed_at
    from of_pairs
    where
        ($since is null or time >= $since)
        and ($until is null or time < $until)

    union all

    select
        pair,
        time as instant,
        time as completed_at
    from of_pairs
    where target_status_code is not null and type not in ('ws', 'wss')

),

preceded as (

    select
        pair,
        instant,
        completed_at,
        max(completed_at) over (
            partition by pair
            order by instant
            range between unbounded preceding and current row
        ) as last_completed_at
    from moments

)

select
    paused_pairs.target_group_arn,
    cast(
        least(
            floor(10.0 * seconds_between(preceded.last_completed_at, preceded.instant) + 1e-6), 6000.0
        ) as integer
    ) as tenth,
    count(*) as requests
from preceded
inner join paused_pairs
    on preceded.pair = paused_pairs.pair
where preceded.completed_at is null and preceded.last_completed_at is not null
group by all
