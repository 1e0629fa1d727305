-- Grain: one row per target group seen in the log, with what is known of it over the whole window.

with

measured as (

    select
        target_group_arn,
        sum(requests) as requests,
        sum(answered) as answered,
        count(distinct target_ip) as targets,
        -- A round trip plus the quickest handler: nothing that was answered came back sooner.
        coalesce(quantile_cont(fastest_answer_s, 0.1), 0.0) as fastest_answer_s,
        -- Packets of a mean exchange: a handful for any, one more per full segment.
        6.0 + (sum(received_bytes) + sum(sent_bytes)) / sum(requests) / 1460.0 as mean_packets
    from pair_minutes
    group by target_group_arn

),

latest_settings as (

    select
        scope,
        setting,
        arg_max(value, valid_from) as value
    from scoped_settings
    group by scope, setting

)

select
    measured.target_group_arn,
    measured.requests,
    measured.answered,
    measured.targets,
    measured.fastest_answer_s,
    measured.mean_packets,
    -- Quick as an immediate close: a round trip and a little, never less than 5 ms.
    greatest(0.005, measured.fastest_answer_s * 1.2 + 0.004) as immediate_s,
    max(case when latest_settings.setting = 'target_type' then latest_settings.value end) as target_type,
    max(case when latest_settings.setting = 'vpc_id' then latest_settings.value end) as vpc_id,
    coalesce(
        max(case when latest_settings.setting = 'protocol' then latest_settings.value end), 'HTTP'
    ) as protocol,
    coalesce(
        max(case when latest_settings.setting = 'protocol_version' then latest_settings.value end), 'HTTP1'
    ) as protocol_version,
    coalesce(
        max(
            case
                when latest_settings.setting = 'deregistration_delay.timeout_seconds'
                    then try_cast(latest_settings.value as double)
            end
        ),
        300.0
    ) as deregistration_delay_s,
    coalesce(
        max(
            case
                when latest_settings.setting = 'health_check.interval_seconds'
                    then try_cast(latest_settings.value as double)
            end
        ),
        30.0
    ) as health_check_interval_s,
    coalesce(
        max(
            case
                when latest_settings.setting = 'health_check.unhealthy_threshold'
                    then try_cast(latest_settings.value as double)
            end
        ),
        2.0
    ) as unhealthy_threshold
from measured
left join latest_settings
    on measured.target_group_arn = latest_settings.scope
group by all
