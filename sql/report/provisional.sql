-- Grain: one row in all.
-- Errors so young that late lines and late events may still change their verdicts.

select
    cast(count(*) as bigint) as errors,
    min(attributions.time) as first_at
from attributions
where attributions.is_provisional
