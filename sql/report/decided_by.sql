-- Grain: one row per version of the tool and of its rules that gave verdicts.

select distinct
    attributions.tool_version,
    attributions.causes_hash
from attributions
order by attributions.tool_version asc, attributions.causes_hash asc
