-- /// cause
-- id = "unexplained"
-- title = "Nothing that we know of explains it"
-- statuses = [502, 504]
-- rate = "steady"
-- needs = ["backgrounds", "gateway_errors", "idle_gap_fits", "settings"]
-- sources = []
-- remedy = "Look at the evidence of a few of these requests; add the timeline sources that are missing and attribute again"
-- ///
--
-- The competitor of every cause: a background of any class, at a rate of its own, that follows traffic.
-- Something unknown could have shown in many forms that were not seen, so each form gets little: a known
-- cause must fit three times worse before this one is preferred. Immediate closes are the exception:
-- as far as their pauses speak against a race, something unknown closes connections there, unless this
-- kube-proxy is known for it.

with

kube_proxy as (

    select
        coalesce(
            bool_or(try_cast(regexp_extract(value, '^v?1[.]([0-9]+)', 1) as integer) < 15), false
        ) as is_affected
    from settings
    where setting in ('kube_proxy_version', 'kubelet_version')

)

select
    gateway_errors.request_id,
    coalesce(gateway_errors.target_group_arn, 'no target group') as cluster_id,
    coalesce(gateway_errors.target_group_arn, 'no target group') as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(coalesce(gateway_errors.target_rate, 1.0))
    + case
        when gateway_errors.failure_class = 'closed_midway' then ln(0.10)
        when gateway_errors.failure_class = 'closed_at_once' and not kube_proxy.is_affected
            then ln(0.06 + 0.5 * (1.0 - coalesce(idle_gap_fits.racing, 1.0)))
        when gateway_errors.failure_class = 'closed_at_once' then ln(0.06)
        else ln(0.03)
    end as log_likelihood,
    case gateway_errors.failure_class
        when
            'before_target'
            then
                'failed before a target was chosen: '
                || coalesce(gateway_errors.error_reason, 'no reason logged')
        when 'connect_timeout' then printf('no connection within %.1f s', gateway_errors.duration_s)
        when 'no_answer' then printf('no answer for %.1f s', gateway_errors.duration_s)
        when 'not_connected' then printf('not connected after %.1f ms', 1000.0 * gateway_errors.duration_s)
        when 'other' then 'a line that fits no known failure'
        else printf('cut %.1f ms after dispatch', 1000.0 * coalesce(gateway_errors.waited_s, 0.0))
    end
    || '; no cause fits well' as evidence
from gateway_errors
cross join kube_proxy
left join idle_gap_fits
    on gateway_errors.request_id = idle_gap_fits.request_id
where gateway_errors.failure_class not in ('target_answered', 'lambda')

union all

select * replace (1e-5 as prior_rate)
from backgrounds
