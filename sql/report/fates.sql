-- Grain: one row per cause and common fate: errors through one event, or on one target within two seconds.
-- Errors of one fate come and go together, so they count as one draw where chance is weighed.

select
    attributions.cause,
    coalesce(
        attributions.event_id,
        coalesce(attributions.target_ip, '') || ' ' || cast(epoch_us(attributions.time) // 2000000 as varchar)
    ) as fate,
    sum(attributions.confidence) as errors,
    sum(attributions.confidence * (1.0 - attributions.confidence)) as doubt
from attributions
group by all
order by attributions.cause asc, fate asc
