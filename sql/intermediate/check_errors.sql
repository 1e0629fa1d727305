-- Grain: one row per gateway error with a target: where it belongs in a check, and when it is compared
-- with events. A timeout was decided when its request came in, a cut when it happened. What the target itself answered is
-- no failure of the transport: it serves as a placebo.

select
    gateway_errors.target_group_arn,
    gateway_errors.elb_status_code,
    gateway_errors.failure_class = 'target_answered' as is_placebo,
    case when check_groups.are_pods then gateway_errors.target_ip end as target_ip,
    case
        when gateway_errors.elb_status_code = 504 then gateway_errors.began_at
        else gateway_errors.failed_at
    end as happened_at
from gateway_errors
inner join check_groups
    on gateway_errors.target_group_arn = check_groups.target_group_arn
where
    gateway_errors.target_ip is not null
    and gateway_errors.failure_class not in ('lambda', 'before_target', 'other')
