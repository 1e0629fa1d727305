-- Grain: one row per failure after dispatch and name that it may be laid to: its path, and its client.

select
    gateway_errors.target_group_arn,
    gateway_errors.began_at,
    block_of(gateway_errors.began_at) as block,
    kinds.kind,
    case kinds.kind when 'path' then gateway_errors.path else gateway_errors.client_ip end as name
from gateway_errors
cross join (values ('path'), ('client')) as kinds (kind)
where
    gateway_errors.failure_class in ('closed_at_once', 'closed_midway', 'no_answer', 'other')
    and gateway_errors.target_ip is not null
