-- Grain: one row per load balancer of which CloudWatch counted more 502s and 504s than the log holds.
-- Both count what the load balancer itself answered. A minute is short of lines when CloudWatch's count is
-- above the log's of that minute and its two neighbours; the minutes after the log's last line are left out.

with
counted as (
    select
        elb,
        minute_of(minute) as minute,
        sum(value) as counted
    from metrics
    where
        metric in ('HTTPCode_ELB_502_Count', 'HTTPCode_ELB_504_Count')
        and target_group is null
        and ($since is null or minute >= $since)
        and ($until is null or minute < $until)
    group by elb, minute_of(minute)
),

logged as (
    select
        elb,
        minute_of(time) as minute,
        count(*) as logged
    from error_rows
    where
        elb_status_code in (502, 504)
        and target_status_code is distinct from elb_status_code
    group by elb, minute_of(time)
),

last_lines as (
    select
        elb,
        max(minute_of(time)) as minute
    from requests
    where elb in (select counted.elb from counted)
    group by elb
),

compared as (
    select
        counted.elb,
        counted.minute,
        counted.counted,
        coalesce(sum(logged.logged), 0) as logged
    from counted
    inner join last_lines on counted.elb = last_lines.elb and counted.minute < last_lines.minute
    left join logged
        on counted.elb = logged.elb and logged.minute between counted.minute - 1 and counted.minute + 1
    group by counted.elb, counted.minute, counted.counted
)

select
    elb,
    cast(count(*) as bigint) as minutes,
    cast(sum(counted) as bigint) as counted,
    cast(sum(counted - logged) as bigint) as missing,
    start_of_minute(min(minute)) as first_minute
from compared
where counted > logged
group by elb
order by elb
