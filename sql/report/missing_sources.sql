-- Grain: one row per set of timeline sources that did not cover some errors' instants.
-- No event in an unwatched hour is no evidence, so the reader must know which hours were unwatched.

select
    attributions.missing_sources,
    count(*) as errors
from attributions
where
    attributions.missing_sources is not null
    and attributions.missing_sources <> ''
group by attributions.missing_sources
order by errors desc, attributions.missing_sources asc
