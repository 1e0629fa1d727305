-- Grain: one row per event and per setting of the timeline, as text in a fixed order.
-- What the manifest hashes: the same dumps give the same rows, wherever they lay.

select
    'event' as kind,
    events.event_id as name,
    cast(epoch_us(events.occurred_at) as varchar) as value
from events

union all

select
    'setting' as kind,
    settings.resource || ' ' || settings.setting as name,
    settings.value
from settings
order by kind asc, name asc, value asc
