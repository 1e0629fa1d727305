-- Grain: one row per object that was read, at most $row_limit.
-- What the numbers rest on: with these objects and this version they can be made again.

select
    objects.object_key,
    objects.etag,
    objects.size,
    objects.lines,
    objects.rejected,
    objects.problem
from objects
order by objects.object_key asc
limit $row_limit
