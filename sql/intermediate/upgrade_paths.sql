-- Grain: one row per target group and path on which WebSockets were opened. A failed upgrade is logged as an
-- ordinary request; only the others on its path tell what it was.

select distinct
    target_group_arn,
    path
from path_samples
where sockets > 0
