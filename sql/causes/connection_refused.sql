-- /// cause
-- id = "connection_refused"
-- title = "The target refused the connection, nothing in its life explains it"
-- statuses = [502]
-- rate = "episodic"
-- needs = ["backgrounds", "episodes"]
-- sources = ["nodes"]
-- remedy = "Find why nothing listened: an application restarting inside its container, a wrong port, a full backlog with tcp_abort_on_overflow; let readiness wait until it listens"
-- ///
--
-- A reset answered the SYN: the host lives, nothing listens. Episodes are local in time: of one
-- target, or of the whole group.

select
    request_id,
    episode_id as cluster_id,
    'all' as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    requests as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(0.1 * target_rate) as log_likelihood,
    printf('refused within %.1f ms by a target ', 1000.0 * duration_s)
    || case
        when target_age_s is null then 'of unknown age'
        when target_age_s < 7200.0 then printf('that joined %.0f min before', target_age_s / 60.0)
        when target_age_s < 172800.0 then printf('that joined %.0f h before', target_age_s / 3600.0)
        else printf('that joined %.1f days before', target_age_s / 86400.0)
    end as evidence
from episodes
where failure_class = 'not_connected'

union all

select * replace (2e-7 as prior_rate, 'all' as rate_group)
from backgrounds
