-- Grain: one row per target group with a connection that was closed under a request: how many, how busy
-- its pairs are, and the load balancer's own idle timeout.

with

pair_load as (

    select
        target_group_arn,
        sum(requests) as requests,
        sum(requests * rate) / sum(requests) as mean_pair_rate
    from pair_rates
    group by target_group_arn

),

latest_protocol as (

    select
        scope,
        arg_max(value, valid_from) as protocol_version
    from scoped_settings
    where setting = 'protocol_version'
    group by scope

)

select
    gateway_errors.target_group_arn,
    count(*) as closes,
    any_value(pair_load.mean_pair_rate) as mean_pair_rate,
    coalesce(any_value(latest_protocol.protocol_version), 'HTTP1') as protocol_version,
    arg_max(gateway_errors.idle_timeout_s, gateway_errors.failed_at) as idle_timeout_s,
    arg_max(
        gateway_errors.configured_idle_timeout_s is not null, gateway_errors.failed_at
    ) as is_idle_timeout_known
from gateway_errors
left join pair_load
    on gateway_errors.target_group_arn = pair_load.target_group_arn
left join latest_protocol
    on gateway_errors.target_group_arn = latest_protocol.scope
where
    gateway_errors.failure_class in ('closed_at_once', 'not_connected')
    and gateway_errors.target_group_arn is not null
group by gateway_errors.target_group_arn
