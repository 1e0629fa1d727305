-- Grain: one row per tenth of confidence with at least one verdict.
-- How sure the verdicts are, and how many of them must be wrong if they are as sure as they say.

select
    cast(least(floor(attributions.confidence * 10.0), 9.0) as bigint) as tenth,
    count(*) as verdicts,
    sum(attributions.confidence) as expected_right
from attributions
group by cast(least(floor(attributions.confidence * 10.0), 9.0) as bigint)
order by tenth asc
