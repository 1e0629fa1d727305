-- Grain: one row per stretch in which an ip target refused connections, three or more, with what it answered from the
-- first refusal to the last, whether it did so before and again soon after, and how many requests were cut as it began.
-- A listener that is gone leaves the connections that were accepted alive; a process that is gone cuts them all.

with

stretches as (

    select
        episodes.episode_id,
        gateway_errors.elb,
        gateway_errors.target_group_arn,
        gateway_errors.target_ip,
        gateway_errors.target_port,
        count(*) as errors,
        min(gateway_errors.began_at) as started_at,
        max(gateway_errors.began_at) as ended_at
    from episodes
    inner join gateway_errors
        on episodes.request_id = gateway_errors.request_id
    where
        episodes.scope = 'target'
        and episodes.failure_class = 'not_connected'
        and gateway_errors.target_type = 'ip'
    group by
        episodes.episode_id,
        gateway_errors.elb,
        gateway_errors.target_group_arn,
        gateway_errors.target_ip,
        gateway_errors.target_port
    having count(*) >= 3

),

cuts as (

    select
        stretches.episode_id,
        count(*) as cuts
    from stretches
    inner join gateway_errors
        on
            stretches.target_group_arn = gateway_errors.target_group_arn
            and stretches.target_ip = gateway_errors.target_ip
            and stretches.target_port = gateway_errors.target_port
            and gateway_errors.failed_at between seconds_after(stretches.started_at, -3.0)
            and seconds_after(stretches.started_at, 1.0)
    where gateway_errors.failure_class in ('closed_midway', 'closed_at_once')
    group by stretches.episode_id

),

minutes as (

    select
        *,
        unnest(generate_series(minute_of(started_at) - 1, minute_of(ended_at) + 1)) as minute
    from stretches

)

select
    minutes.episode_id,
    minutes.errors,
    minutes.started_at,
    minutes.ended_at,
    coalesce(any_value(cuts.cuts), 0) as cuts,
    count(*) filter (where requests.time < minutes.started_at) as answered_before,
    count(*) filter (
        where requests.time between minutes.started_at and minutes.ended_at
    ) as answered_meanwhile,
    count(*) filter (where requests.time > minutes.ended_at) as answered_after
from minutes
inner join requests
    on
        minutes.target_group_arn = requests.target_group_arn
        and minutes.target_ip = requests.target_ip
        and minutes.target_port = requests.target_port
        and minutes.minute = minute_of(requests.time)
left join cuts
    on minutes.episode_id = cuts.episode_id
where requests.target_status_code is not null and requests.type not in ('ws', 'wss')
group by minutes.episode_id, minutes.errors, minutes.started_at, minutes.ended_at
