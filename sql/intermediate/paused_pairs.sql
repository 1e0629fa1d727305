-- Grain: one row per load balancer node and target whose pauses are looked at, for target groups with at
-- least five connections that were closed under a request. The quietest pairs come first, because only they tell how long a
-- connection idled, up to 300,000 requests of a target group and a million in all: the cost is bounded.

with

affected as (

    select target_group_arn
    from gateway_errors
    where failure_class in ('closed_at_once', 'not_connected') and target_ip is not null
    group by target_group_arn
    having count(*) >= 5

),

placed as (

    select
        pair_rates.*,
        row_number() over (
            order by
                pair_rates.rate, pair_rates.target_group_arn, pair_rates.elb_node_ip,
                pair_rates.target_ip, pair_rates.target_port
        ) as pair
    from pair_rates
    inner join affected
        on pair_rates.target_group_arn = affected.target_group_arn

),

counted as (

    select
        *,
        sum(requests) over (
            partition by target_group_arn
            order by pair
            rows between unbounded preceding and current row
        ) as requests_of_group,
        sum(requests) over (
            order by pair
            rows between unbounded preceding and current row
        ) as requests_of_all
    from placed

)

select
    pair,
    target_group_arn,
    elb_node_ip,
    target_ip,
    target_port,
    requests,
    rate
from counted
where requests_of_group <= 300000 and requests_of_all <= 1000000
