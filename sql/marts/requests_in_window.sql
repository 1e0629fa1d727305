-- Grain: one row: how many requests the window holds.

select count(*) as requests
from requests
where
    ($since is null or time >= $since)
    and ($until is null or time < $until)
