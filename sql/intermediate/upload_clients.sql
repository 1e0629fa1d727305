-- Grain: one row per target group and client whose requests with a body were cut after a wait: its cuts, all such cuts
-- of the target group, and its share of the group's requests with a body, in a sample of one in 53. The sample may
-- hold none of a client: one more is added, so that no share is too small.

with

cuts as (

    select
        target_group_arn,
        client_ip,
        count(*) as cuts
    from gateway_errors
    where
        failure_class = 'closed_midway'
        and request_verb in ('POST', 'PUT', 'PATCH')
        and waited_s >= 4.0
    group by target_group_arn, client_ip

),

bodies as (

    select
        target_group_arn,
        client_ip,
        count(*) as requests
    from requests
    where
        in_sample(time, 53)
        and request_verb in ('POST', 'PUT', 'PATCH')
        and target_group_arn in (select cuts.target_group_arn from cuts)
    group by target_group_arn, client_ip

),

totals as (

    select
        target_group_arn,
        sum(requests) as requests
    from bodies
    group by target_group_arn

)

select
    cuts.target_group_arn,
    cuts.client_ip,
    cuts.cuts,
    sum(cuts.cuts) over (partition by cuts.target_group_arn) as all_cuts,
    (coalesce(bodies.requests, 0) + 1.0) / (coalesce(totals.requests, 0) + 1.0) as traffic_share
from cuts
left join bodies
    on
        cuts.target_group_arn = bodies.target_group_arn
        and cuts.client_ip = bodies.client_ip
left join totals
    on cuts.target_group_arn = totals.target_group_arn
