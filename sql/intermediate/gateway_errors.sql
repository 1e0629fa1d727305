-- Grain: one row per gateway error: the line, its class, its target as of that instant, and what
-- happened around it. Every cause reads this table.

with

holders as (

    select
        error_lines.request_id,
        lifetimes.lifetime_id,
        lifetimes.joined_at,
        lifetimes.joined_known_by,
        row_number() over (
            partition by error_lines.request_id
            order by lifetimes.joined_at desc nulls last
        ) as choice
    from error_lines
    inner join lifetimes
        on
            error_lines.target_ip = lifetimes.private_ip
            and may_share_vpc(error_lines.vpc_id, lifetimes.vpc_id)
            and (
                lifetimes.joined_at is null
                or lifetimes.joined_at
                <= seconds_after(error_lines.failed_at, 5.0 + lifetimes.joined_uncertainty_s)
            )

)

select
    error_lines.*,
    error_exposure.target_rate,
    error_exposure.group_rate,
    error_exposure.pair_rate,
    error_exposure.targets_serving,
    error_exposure.slow_connects,
    holders.lifetime_id,
    upgrade_paths.path is not null as is_upgrade,
    error_waits.answers_meanwhile,
    error_waits.host_answers_meanwhile,
    error_waits.slow_answers_on_path,
    error_waits.clients_gone_on_path,
    path_sizes.mean_received_bytes,
    path_sizes.typical_received_bytes,
    6.0 + (error_lines.received_bytes + coalesce(path_sizes.mean_sent_bytes, 0.0)) / 1460.0 as packets,
    seconds_between(pair_gaps.last_completed_at, error_lines.began_at) as gap_s,
    seconds_between(holders.joined_at, error_lines.began_at) as target_age_s,
    error_exposure.target_rate
    / greatest(error_exposure.group_rate, error_exposure.target_rate) as target_share
from error_lines
inner join error_exposure
    on error_lines.request_id = error_exposure.request_id
left join pair_gaps
    on error_lines.request_id = pair_gaps.request_id
left join error_waits
    on error_lines.request_id = error_waits.request_id
left join path_sizes
    on
        error_lines.target_group_arn = path_sizes.target_group_arn
        and error_lines.path = path_sizes.path
left join upgrade_paths
    on
        error_lines.target_group_arn = upgrade_paths.target_group_arn
        and error_lines.path = upgrade_paths.path
left join holders
    on
        error_lines.request_id = holders.request_id
        and holders.choice = 1
