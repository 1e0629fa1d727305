-- Grain: one row per status that the load balancer made itself beside 502 and 504, and label: how often the
-- window holds it. The label follows from the line alone and says nothing about nodes.

with

labelled as (

    select
        elb_status_code,
        case
            when elb_status_code = 503 then 'no_targets'
            when elb_status_code = 500 and error_reason like 'WAF%' then 'waf_error'
            when elb_status_code = 500 and error_reason like 'Auth%' then 'auth_error'
            when
                elb_status_code = 500 and right(coalesce(actions_executed, ''), 10) = 'waf-failed'
                then 'waf_error'
            when elb_status_code = 500 then 'load_balancer_error'
            when elb_status_code = 561 then 'auth_idp_error'
            when elb_status_code = 401 then 'auth_denied'
            when elb_status_code = 403 and right(coalesce(actions_executed, ''), 3) = 'waf' then 'waf_block'
            when elb_status_code = 460 then 'client_abort'
            when elb_status_code = 400 then 'client_bad_request'
            when elb_status_code = 408 then 'client_idle'
            when elb_status_code = 463 then 'xff_too_long'
            when elb_status_code = 464 then 'protocol_mismatch'
            when elb_status_code = 505 then 'http_version'
            when elb_status_code = 507 then 'redirect_too_long'
            when elb_status_code = 0 then 'client_connection_used_up'
        end as label
    from requests
    where
        elb_status_code in (0, 400, 401, 403, 408, 460, 463, 464, 500, 503, 505, 507, 561)
        and target_status_code is null
        -- An answer that a rule fixes is wanted.
        and coalesce(actions_executed, '') not like '%fixed-response%'
        and ($since is null or time >= $since)
        and ($until is null or time < $until)

)

select
    elb_status_code,
    label,
    count(*) as requests
from labelled
where label is not null
group by elb_status_code, label
order by requests desc, elb_status_code asc, label asc
