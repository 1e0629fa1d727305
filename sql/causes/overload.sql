-- /// cause
-- id = "overload"
-- title = "The targets were overloaded"
-- statuses = [502, 504]
-- rate = "per_event"
-- ceiling = "medium"
-- needs = ["gateway_errors", "strains"]
-- sources = []
-- remedy = "Add targets or shed load before answers slow down: target tracking on ALBRequestCountPerTarget, a larger accept queue (net.core.somaxconn and the server's backlog), load_balancing.algorithm.type least_outstanding_requests; look at CPU, listen-queue drops and conntrack_allowance_exceeded of these targets"
-- ///
--
-- A stretch of minutes in which answers took twice the usual on at least half of the targets, with more requests
-- per target or slow connects on several of them. Full accept queues drop SYNs (504 after 10 s) or refuse them, slow
-- workers run into the idle timeout, and workers die. A young target that fails alone is no overload, nor is one slow
-- path or a dependency that hangs under usual load. Logs show no saturation metric: never above medium.

with

near as (

    select
        gateway_errors.*,
        strains.strain_id,
        strains.load_ratio,
        strains.answer_ratio,
        strains.targets,
        strains.slowed_targets,
        strains.slow_connects as strained_connects,
        seconds_between(strains.started_at, gateway_errors.began_at) as began_after_s,
        seconds_between(strains.started_at, gateway_errors.failed_at) as failed_after_s,
        seconds_between(strains.started_at, strains.ended_at) as lasted_s
    from gateway_errors
    inner join strains
        on
            gateway_errors.target_group_arn = strains.target_group_arn
            and gateway_errors.failed_at >= seconds_after(strains.started_at, -60.0)
            and gateway_errors.began_at <= seconds_after(strains.ended_at, 60.0)
    where
        gateway_errors.failure_class in (
            'closed_midway', 'closed_at_once', 'not_connected', 'connect_timeout', 'tls_timeout', 'no_answer'
        )

),

weighed as (

    select
        *,
        case failure_class
            when 'connect_timeout' then 0.35
            when 'no_answer' then 0.30
            when 'not_connected' then 0.15
            when 'closed_midway' then 0.12
            when 'tls_timeout' then 0.05
            else 0.03
        end as class_share,
        target_share
        * case when coalesce(target_age_s, 3600.0) < 300.0 then 0.3 else 1.0 end
        * case
            when failure_class in ('connect_timeout', 'tls_timeout', 'no_answer')
                then spread(began_after_s, -60.0, lasted_s + 10.0, 0.0)
            else spread(failed_after_s, -10.0, lasted_s + 10.0, 0.0)
        end as density
    from near

)

select
    request_id,
    strain_id as cluster_id,
    target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    least(strained_connects, 10) * 0.3 as support,
    class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    printf(
        'requests per target were up to %.1f times, typical answers up to %.1f times the usual then',
        load_ratio, answer_ratio
    )
    || printf(', on %d of %d targets', slowed_targets, targets)
    || case
        when strained_connects > 0 then printf('; %d connects took 1, 3 or 7 s', strained_connects) else ''
    end as evidence
from weighed
where density > 0.0

union all

select
    null as request_id,
    strain_id as cluster_id,
    target_group_arn as rate_group,
    null as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    3.0 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from strains
