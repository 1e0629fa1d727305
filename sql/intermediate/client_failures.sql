-- Grain: one row per target group and client that kept failing, and hardly ever got an answer from it,
-- from its first failure to its last: at three moments or more.

with

persistent as (

    select
        target_group_arn,
        client_ip,
        count(*) as errors,
        count(distinct path) as paths,
        min(failed_at) as first_at,
        max(failed_at) as last_at
    from gateway_errors
    where failure_class in ('closed_at_once', 'closed_midway', 'other') and target_ip is not null
    group by target_group_arn, client_ip
    having count(distinct minute_of(failed_at)) >= 3

),

answered as (

    select
        persistent.target_group_arn,
        persistent.client_ip,
        count(*) as answers
    from persistent
    inner join requests
        on
            persistent.target_group_arn = requests.target_group_arn
            and persistent.client_ip = requests.client_ip
            and requests.time between persistent.first_at and persistent.last_at
    where
        requests.target_status_code is not null
        and requests.elb_status_code not in (502, 504)
    group by persistent.target_group_arn, persistent.client_ip

)

select
    persistent.target_group_arn,
    persistent.client_ip,
    persistent.errors,
    persistent.paths,
    coalesce(answered.answers, 0) as answers
from persistent
left join answered
    on
        persistent.target_group_arn = answered.target_group_arn
        and persistent.client_ip = answered.client_ip
where coalesce(answered.answers, 0) * 9 <= persistent.errors
