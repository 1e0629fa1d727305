-- Grain: one row per cause that is some error's verdict.
-- How many errors each cause has, and how sure the verdicts are on average.

select
    attributions.cause,
    count(*) as errors,
    avg(attributions.confidence) as mean_confidence,
    min(coalesce(causes.title, attributions.cause)) as title
from attributions
left join causes on attributions.cause = causes.id
group by attributions.cause
order by errors desc, attributions.cause asc
