-- /// cause
-- id = "target_timeout"
-- title = "The target did not answer within the idle timeout"
-- statuses = [504]
-- rate = "steady"
-- needs = ["backgrounds", "gateway_errors"]
-- sources = []
-- remedy = "Make the slow endpoint answer sooner or asynchronously, or raise idle_timeout.timeout_seconds of the load balancer ({idle_timeout_s} s) above its slowest honest answer"
-- ///
--
-- Connected and sent, but no response header came within the idle timeout. A slow handler leaves its
-- target answering others meanwhile, and its path is slow at other times too; a lost host is silent.

with

weighed as (

    select
        *,
        case when answers_meanwhile > 0 then 1.0 else 0.15 end
        -- Clients that gave up on the same path saw the same slowness.
        * case when slow_answers_on_path + clients_gone_on_path > 0 then 2.0 else 0.7 end as fit
    from gateway_errors
    where failure_class = 'no_answer'

)

select
    request_id,
    target_group_arn as cluster_id,
    target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(target_rate) + ln(fit) as log_likelihood,
    printf('no answer for %.1f s (idle timeout %.0f s)', duration_s, idle_timeout_s)
    || case
        when answers_meanwhile > 0
            then printf('; the target answered %d other requests meanwhile', answers_meanwhile)
        else '; the target answered nothing else meanwhile'
    end
    || case
        when slow_answers_on_path > 0
            then printf('; this path took over 10 s %d more times', slow_answers_on_path)
        else ''
    end
    || case
        when clients_gone_on_path > 0
            then printf('; %d clients gave up on it within the same ten minutes (460)', clients_gone_on_path)
        else ''
    end as evidence
from weighed

union all

select * replace (1e-6 as prior_rate)
from backgrounds
