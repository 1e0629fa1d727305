-- /// finding
-- id = "deregistration_delay_cuts_requests"
-- title = "The deregistration delay is shorter than the longest requests"
-- severity = "error"
-- causes = ["deregistration_delay_expired"]
-- needs = ["deregistration_delay.timeout_seconds"]
-- change = "Raise deregistration_delay.timeout_seconds of {name} from {current} to {wanted}"
-- cli = "aws elbv2 modify-target-group-attributes --target-group-arn {resource} --attributes Key=deregistration_delay.timeout_seconds,Value={wanted}"
-- terraform = "aws_lb_target_group: deregistration_delay = {wanted}"
-- kubectl = "alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds={wanted}"
-- ///
--
-- When the delay is over, the load balancer closes what is still in flight. It should outlast all but
-- the rarest requests: the quantile 0.999 of the answers, and half as much again.

with

answers as (

    select
        requests.target_group_arn,
        count(*) as answered,
        approx_quantile(requests.target_processing_time, 0.999) as longest_s
    from requests
    where
        requests.target_group_arn is not null
        and requests.target_processing_time >= 0.0
        and requests.type not in ('ws', 'wss')
    group by requests.target_group_arn

)

select
    target_groups.target_group_arn as resource,
    target_groups.target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    printf('%.0f', target_groups.deregistration_delay_s) as current_value,
    printf('%.0f', least(ceil(1.5 * answers.longest_s / 10.0) * 10.0, 3600.0)) as wanted_value,
    printf(
        'one answer in a thousand takes over %.1f s; the delay is %.0f s',
        answers.longest_s, target_groups.deregistration_delay_s
    ) as evidence
from target_groups
inner join answers on target_groups.target_group_arn = answers.target_group_arn
where
    answers.answered >= 1000
    and answers.longest_s > target_groups.deregistration_delay_s
    and coalesce(target_groups.target_type, '') <> 'lambda'
