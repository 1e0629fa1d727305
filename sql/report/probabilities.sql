-- Grain: one row per gateway error and cause with a stated probability (verdict and runner-up).
-- Their sum per cause is the expected number of errors that the cause made.

with

stated as (

    select
        attributions.cause,
        attributions.confidence as probability
    from attributions

    union all

    select
        attributions.runner_up as cause,
        attributions.runner_up_confidence as probability
    from attributions
    where
        attributions.runner_up is not null
        and attributions.runner_up_confidence is not null

)

select
    stated.cause,
    stated.probability
from stated
order by stated.cause asc, stated.probability asc
