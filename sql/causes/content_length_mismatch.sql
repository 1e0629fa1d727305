-- /// cause
-- id = "content_length_mismatch"
-- title = "The target announced more bytes than it sent"
-- statuses = [504]
-- rate = "episodic"
-- ceiling = "medium"
-- needs = ["backgrounds", "failure_runs", "gateway_errors"]
-- sources = []
-- remedy = "Let the server compute Content-Length, or leave it out (chunked): compression or a proxy that changes the body after the header was set, a length in characters instead of bytes, a handler that aborts midway"
-- ///
--
-- The load balancer has the header and waits for the missing bytes until the idle timeout is over. The path never
-- succeeds, and each failure lasts its normal service time plus the idle timeout. A target status beside the 504
-- says that the header arrived. `target_timeout` ends with the idle timeout itself. Without the response never above
-- medium.

with

waits as (

    select
        gateway_errors.*,
        failure_runs.run_id,
        failure_runs.errors,
        failure_runs.answers,
        failure_runs.usual_answer_s,
        gateway_errors.duration_s - gateway_errors.idle_timeout_s as excess_s,
        median(gateway_errors.duration_s - gateway_errors.idle_timeout_s) over (
            partition by failure_runs.run_id
        ) as typical_excess_s
    from gateway_errors
    left join failure_runs
        on
            failure_runs.kind = 'path'
            and gateway_errors.target_group_arn = failure_runs.target_group_arn
            and gateway_errors.path = failure_runs.name
            and gateway_errors.began_at between failure_runs.first_at and failure_runs.last_at
    where
        gateway_errors.elb_status_code = 504
        and (
            gateway_errors.failure_class = 'no_answer'
            or (gateway_errors.failure_class = 'other' and gateway_errors.target_status_code is not null)
        )

)

select
    request_id,
    coalesce(run_id, 'path ' || target_group_arn || ' ' || coalesce(path, '')) as cluster_id,
    target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    cast(coalesce(errors + answers, 2) as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(target_rate)
    + case when failure_class = 'other' then ln(0.8) else ln(0.3) end as log_likelihood,
    printf('%.2f s beyond the idle timeout of %.0f s', excess_s, idle_timeout_s)
    || case
        when target_status_code is not null
            then printf('; the target had answered %d by then', target_status_code)
        else ''
    end
    || case
        when usual_answer_s is not null and run_id is not null
            then printf('; its path usually takes %.2f s', usual_answer_s)
        else ''
    end
    || case
        when
            run_id is not null
            then printf('; it failed %d times and was answered %d times', errors, answers)
        else ''
    end as evidence
from waits
where
    excess_s >= -0.5
    -- The header came after a normal service time, and only then the wait began. A handler that hangs
    -- sends none: then the excess is the timer's own.
    and (
        failure_class = 'other'
        or (
            run_id is not null
            and typical_excess_s between greatest(0.01, usual_answer_s / 3.0) and usual_answer_s * 3.0
        )
    )

union all

select * replace (1e-7 as prior_rate)
from backgrounds
