-- Grain: one row per suspect and ten minutes: a path, or a client, of a target group that failed at several moments
-- after dispatch. Paths are suspects only where the sample holds few answers of theirs. A table of its own, as for
-- the moments of pauses: the engine holds these few in memory and lets the requests pass by.

with

by_block as (

    select
        named_failures.target_group_arn,
        named_failures.kind,
        named_failures.name,
        named_failures.block,
        count(*) as errors
    from named_failures
    where named_failures.name is not null
    group by named_failures.target_group_arn, named_failures.kind, named_failures.name, named_failures.block

),

persistent as (

    select
        target_group_arn,
        kind,
        name
    from named_failures
    group by target_group_arn, kind, name
    having count(distinct minute_of(began_at)) >= 2 and count(*) >= 3

),

likely as (

    select
        by_block.*,
        coalesce(path_samples.answers, 0) * 53 as answers
    from by_block
    inner join persistent
        on
            by_block.target_group_arn = persistent.target_group_arn
            and by_block.kind = persistent.kind
            and by_block.name = persistent.name
    left join path_samples
        on
            by_block.kind = 'path'
            and by_block.target_group_arn = path_samples.target_group_arn
            and by_block.name = path_samples.path
            and by_block.block = path_samples.block
    where coalesce(path_samples.answers, 0) * 53 <= by_block.errors * 10 + 53

)

-- One sampled answer may be luck in one block, but not in block after block.
select *
from likely
qualify
    sum(answers) over (partition by target_group_arn, kind, name)
    <= sum(errors) over (partition by target_group_arn, kind, name) * 10 + 53
