-- Grain: one row per gateway error and cause that could have made it, most probable first, at most five,
-- for $row_limit errors: when there are more, every cause keeps a fair share, its earliest errors.
-- Likelihood and rate are those of the cause's best cluster: their sum, against the sums of the others,
-- is what the probability comes from.

with

placed as (

    select
        attributions.request_id,
        attributions.time,
        row_number() over (
            partition by attributions.cause
            order by attributions.time asc, attributions.request_id asc
        ) as place
    from attributions

),

chosen as (

    select
        placed.request_id,
        row_number() over (
            order by placed.place asc, placed.time asc, placed.request_id asc
        ) as turn
    from placed

),

best as (

    select
        candidates.request_id,
        candidates.cause,
        candidates.log_likelihood,
        candidates.log_rate,
        candidates.lag_s,
        candidates.evidence,
        sum(candidates.probability) over (
            partition by candidates.request_id, candidates.cause
        ) as probability,
        row_number() over (
            partition by candidates.request_id, candidates.cause
            order by candidates.probability desc, candidates.cluster_id asc
        ) as choice
    from candidates
    inner join chosen on candidates.request_id = chosen.request_id
    where chosen.turn <= $row_limit

),

ranked as (

    select
        best.*,
        row_number() over (
            partition by best.request_id
            order by best.probability desc, best.cause asc
        ) as rank_of_cause
    from best
    where best.choice = 1

)

select
    ranked.request_id,
    ranked.cause,
    ranked.probability,
    ranked.log_likelihood,
    ranked.log_rate,
    ranked.lag_s,
    ranked.evidence
from ranked
where ranked.rank_of_cause <= 5
order by ranked.request_id asc, ranked.rank_of_cause asc
