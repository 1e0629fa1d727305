-- Grain: one row per cause and remedy as the verdicts word it.
-- One cause can have several remedies, e.g. when the setting differs between target groups.

select
    attributions.cause,
    attributions.remedy,
    count(*) as errors,
    sum(attributions.confidence) as expected_errors,
    count(distinct attributions.target_ip) as targets
from attributions
group by attributions.cause, attributions.remedy
order by errors desc, attributions.cause asc, attributions.remedy asc
