-- Grain: one row per load balancer or target group seen in the log, setting, and interval in force.
-- A setting read from a dump that names no resource holds for all; the most exact one wins.

with

scopes as (

    select distinct
        elb as scope,
        'load-balancer' as kind,
        ':loadbalancer/' || elb as arn_end,
        split_part(elb, '/', 2) as name
    from pair_minutes
    where elb is not null

    union all

    select distinct
        target_group_arn as scope,
        'target-group' as kind,
        target_group_arn as arn_end,
        split_part(split_part(target_group_arn, ':targetgroup/', 2), '/', 1) as name
    from pair_minutes
    where target_group_arn is not null

),

matched as (

    select
        scopes.scope,
        settings.setting,
        settings.value,
        coalesce(settings.valid_from, timestamptz '1970-01-01 00:00:00+00') as valid_from,
        coalesce(settings.valid_to, timestamptz '2200-01-01 00:00:00+00') as valid_to,
        case
            when right(settings.resource, length(scopes.arn_end)) = scopes.arn_end then 3
            when settings.resource = scopes.kind || '/' || scopes.name then 2
            when settings.resource = scopes.kind || '/*' then 1
            else 0
        end as exactness
    from scopes
    inner join settings
        on
            right(settings.resource, length(scopes.arn_end)) = scopes.arn_end
            or settings.resource = scopes.kind || '/' || scopes.name
            or settings.resource = scopes.kind || '/*'

),

ranked as (

    select
        *,
        max(exactness) over (partition by scope, setting) as best
    from matched

)

select
    scope,
    setting,
    value,
    valid_from,
    valid_to
from ranked
where exactness = best
