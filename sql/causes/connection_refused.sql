-- /// cause
-- id = "connection_refused"
-- title = "The target refused the connection, nothing in its life explains it"
-- statuses = [502]
-- rate = "episodic"
-- needs = ["gateway_errors", "target_groups", "target_minutes"]
-- sources = ["nodes"]
-- remedy = "Find why nothing listened: an application restarting inside its container, a wrong port, a full backlog with tcp_abort_on_overflow; let readiness wait until it listens"
-- ///
--
-- A reset answered the SYN: the host lives, nothing listens. Episodes are local in time: of one
-- target, or of the whole group.

with

failed as (

    select
        *,
        minute_of(failed_at) as minute,
        printf('refused within %.3f s by a target ', duration_s)
        || coalesce(printf('that joined %.0f min before', target_age_s / 60.0), 'of unknown age') as sentence
    from gateway_errors
    where failure_class in ('not_connected')

),

of_target as (

    select
        failed.request_id,
        'target ' || failed.target_group_arn || ' ' || failed.target_ip || ':'
        || cast(failed.target_port as varchar) || ' ' || cast(failed.minute as varchar) as cluster_id,
        failed.target_group_arn as rate_group,
        cast(target_minutes.requests as double) as exposure,
        failed.target_rate,
        failed.sentence
    from failed
    inner join target_minutes
        on
            failed.target_group_arn = target_minutes.target_group_arn
            and failed.target_ip = target_minutes.target_ip
            and failed.target_port = target_minutes.target_port
            and failed.minute = target_minutes.minute

),

group_minutes as (

    select
        target_group_arn,
        minute,
        sum(requests) as requests
    from target_minutes
    group by target_group_arn, minute

),

of_group as (

    select
        failed.request_id,
        'group ' || failed.target_group_arn || ' ' || cast(failed.minute as varchar) as cluster_id,
        failed.target_group_arn as rate_group,
        cast(group_minutes.requests as double) as exposure,
        failed.target_rate,
        failed.sentence
    from failed
    inner join group_minutes
        on
            failed.target_group_arn = group_minutes.target_group_arn
            and failed.minute = group_minutes.minute

),

both_scopes as (

    select * from of_target
    union all
    select * from of_group

)

select
    request_id,
    cluster_id,
    rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(0.5 * target_rate) as log_likelihood,
    sentence as evidence
from both_scopes

union all

select
    null as request_id,
    null as cluster_id,
    target_group_arn as rate_group,
    null as event_id,
    null as lag_s,
    cast(requests as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    2e-7 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from target_groups
