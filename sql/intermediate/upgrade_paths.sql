-- Grain: one row per target group and path on which WebSockets were opened. A failed upgrade is logged as an
-- ordinary request; only the others on its path tell what it was.

select distinct
    target_group_arn,
    path_of(request_url) as path
from requests
where type in ('ws', 'wss') and target_group_arn is not null
