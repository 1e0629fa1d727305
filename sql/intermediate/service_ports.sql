-- Grain: one row per service and node port: which pods a NodePort target group leads to.

select distinct
    regexp_replace(resource, '^service/', '') as service,
    try_cast(split_part(setting, ':', 2) as integer) as node_port
from settings
where resource like 'service/%' and setting like 'node_port:%'
