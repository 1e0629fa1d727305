-- Grain: one row per failure class and cause with at least one error.
-- What failed (from the line alone) against why it failed (the verdict).

select
    attributions.failure_class,
    attributions.cause,
    count(*) as errors
from attributions
group by attributions.failure_class, attributions.cause
order by attributions.failure_class asc, attributions.cause asc
