-- /// cause
-- id = "overload"
-- title = "The targets were overloaded"
-- statuses = [502, 504]
-- rate = "episodic"
-- ceiling = "medium"
-- needs = ["backgrounds", "episodes", "gateway_errors", "strains"]
-- sources = []
-- remedy = "Add targets or shed load before answers slow down: target tracking on ALBRequestCountPerTarget, a larger accept queue (net.core.somaxconn and the server's backlog), load_balancing.algorithm.type least_outstanding_requests; look at CPU, listen-queue drops and conntrack_allowance_exceeded of these targets"
-- ///
--
-- A stretch of minutes in which answers took twice the usual for at least half of the requests, under more requests
-- per target than usual. Full accept queues drop SYNs (504 after 10 s) or refuse them, slow
-- workers run into the idle timeout, and workers die. A young target that fails alone is no overload, nor is one slow
-- path or a dependency that hangs under usual load. Logs show no saturation metric: never above medium.

with

near as (

    select
        gateway_errors.request_id,
        gateway_errors.failure_class,
        gateway_errors.target_rate,
        gateway_errors.answers_meanwhile,
        coalesce(gateway_errors.target_age_s, 3600.0) < 300.0 as is_young,
        strains.*,
        seconds_between(strains.started_at, gateway_errors.failed_at) as failed_after_s
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

stretched as (

    -- Connecting fails in stretches of its own; the other failures share the strain's requests.
    select
        near.*,
        coalesce(episodes.episode_id, near.strain_id || ' ' || near.failure_class) as cluster_id,
        count(*) filter (where near.failure_class in ('connect_timeout', 'no_answer')) over (
            partition by near.strain_id
        ) as timeouts,
        cast(coalesce(episodes.requests, near.requests) as double) as exposure
    from near
    left join episodes
        on
            near.request_id = episodes.request_id
            and episodes.scope = 'group'

)

select
    request_id,
    cluster_id,
    target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    failed_after_s as lag_s,
    exposure,
    -- Where queues overflow visibly, what is refused and closed beside it has company.
    case when failure_class in ('connect_timeout', 'no_answer') then 0.0 else least(timeouts, 20) * 0.5 end
        as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(
        target_rate
        * case when is_young then 0.3 else 1.0 end
        -- A target with too much to do goes on answering, at half of its usual pace, say; one that answers nobody
        -- for the 6 s in which SYNs are sent again is gone.
        * case
            when failure_class in ('connect_timeout', 'no_answer') and answers_meanwhile = 0
                then exp(-least(0.5 * 6.0 * target_rate, 3.0))
            else 1.0
        end
        -- Connections that were refused or closed have likelier reasons, even then.
        * case when failure_class in ('connect_timeout', 'no_answer') then 1.0 else 0.5 end
    ) as log_likelihood,
    printf(
        'requests per target were up to %.1f times, typical answers up to %.1f times the usual then',
        load_ratio, answer_ratio
    )
    || printf(', on %d of %d targets', slowed_targets, targets)
    || case
        when slow_connects > 0 then printf('; %d connects took 1, 3 or 7 s', slow_connects) else ''
    end as evidence
from stretched

union all

select * replace (2e-7 as prior_rate)
from backgrounds
