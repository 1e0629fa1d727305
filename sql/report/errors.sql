-- Grain: one row per gateway error, at most $row_limit of them.
-- The table of evidence. When there are too many, every cause keeps a fair share: its earliest errors.

with

ranked as (

    select
        attributions.*,
        row_number() over (
            partition by attributions.cause
            order by attributions.time asc, attributions.request_id asc
        ) as place
    from attributions

),

chosen as (

    select
        ranked.*,
        row_number() over (
            order by ranked.place asc, ranked.time asc, ranked.request_id asc
        ) as turn
    from ranked

)

select
    chosen.request_id,
    chosen.trace_id,
    chosen.time,
    chosen.elb_status_code,
    chosen.target_ip,
    chosen.target_port,
    chosen.cause,
    chosen.confidence,
    chosen.runner_up,
    chosen.runner_up_confidence,
    chosen.lag_s,
    chosen.evidence,
    chosen.missing_sources,
    chosen.object_key,
    chosen.line_number
from chosen
where chosen.turn <= $row_limit
order by chosen.time asc, chosen.request_id asc
