-- Grain: one row per timeline source.
-- The span from the first to the last instant that each source observed.

select
    coverage.source,
    min(coverage.covered_from) as covered_from,
    max(coverage.covered_to) as covered_to
from coverage
group by coverage.source
order by coverage.source asc
