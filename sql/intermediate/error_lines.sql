-- Grain: one row per gateway error (502 or 504), with what its own line and the settings say.
-- `failure_class` names what failed; see docs/causes.md for the classes.

with

in_window as (

    select
        *,
        substr(md5(object_key || ':' || cast(line_number as varchar)), 1, 16) as request_id,
        coalesce(
            request_creation_time,
            -- Layouts before 2018 have no creation time; the trace id holds its second.
            instant_of_hex(nullif(regexp_extract(trace_id, 'Root=1-([0-9a-fA-F]{8})-', 1), '')),
            seconds_after(
                time,
                -(
                    greatest(request_processing_time, 0.0)
                    + greatest(target_processing_time, 0.0)
                    + greatest(response_processing_time, 0.0)
                )
            )
        ) as received_at
    from error_rows
    where
        elb_status_code in (502, 504)
        and ($since is null or time >= $since)
        and ($until is null or time < $until)

),

placed as (

    select
        in_window.*,
        -- A client may send a trace id of its own: a start after the end, or hours before, is none.
        case
            when seconds_between(in_window.received_at, in_window.time) between 0.0 and 4100.0
                then in_window.received_at
            else in_window.time
        end as began_at,
        in_window.time as failed_at,
        target_groups.immediate_s,
        target_groups.target_type,
        target_groups.vpc_id,
        target_groups.protocol as target_protocol,
        target_groups.protocol_version,
        target_groups.deregistration_delay_s,
        target_groups.mean_packets,
        target_groups.health_check_interval_s * target_groups.unhealthy_threshold as unhealthy_after_s,
        try_cast(scoped_settings.value as double) as configured_idle_timeout_s,
        row_number() over (
            partition by in_window.request_id
            order by scoped_settings.valid_from desc nulls last
        ) as choice
    from in_window
    left join target_groups
        on in_window.target_group_arn = target_groups.target_group_arn
    left join scoped_settings
        on
            in_window.elb = scoped_settings.scope
            and scoped_settings.setting = 'idle_timeout.timeout_seconds'
            and in_window.time >= scoped_settings.valid_from
            and in_window.time < scoped_settings.valid_to

),

timed as (

    select
        *,
        seconds_between(began_at, failed_at) as duration_s,
        seconds_after(began_at, greatest(request_processing_time, 0.0)) as dispatched_at,
        coalesce(configured_idle_timeout_s, 60.0) as idle_timeout_s,
        -- How long the target had the request before the connection ended.
        case
            when target_processing_time >= 0.0 then target_processing_time
            when request_processing_time >= 0.0
                then greatest(seconds_between(began_at, failed_at) - request_processing_time, 0.0)
        end as waited_s
    from placed
    where choice = 1

)

select
    request_id,
    trace_id,
    time,
    type,
    client_ip,
    elb,
    elb_node_ip,
    elb_status_code,
    target_ip,
    target_port,
    target_group_arn,
    target_type,
    vpc_id,
    target_protocol,
    protocol_version,
    target_status_code,
    request_verb,
    path_of(request_url) as path,
    received_bytes,
    mean_packets,
    error_reason,
    object_key,
    line_number,
    began_at,
    dispatched_at,
    failed_at,
    duration_s,
    waited_s,
    idle_timeout_s,
    configured_idle_timeout_s,
    deregistration_delay_s,
    unhealthy_after_s,
    immediate_s,
    case
        when target_status_code = elb_status_code then 'target_answered'
        when target_ip is null and error_reason like 'Lambda%' then 'lambda'
        when target_ip is null or error_reason is not null then 'before_target'
        when target_status_code is not null then 'other'
        -- 504: the fixed 10 s to connect, 10 s more for TLS, or the idle timeout while waiting.
        when elb_status_code = 504 and request_processing_time < 0.0 and duration_s between 9.5 and 10.6
            then 'connect_timeout'
        when
            elb_status_code = 504 and target_protocol = 'HTTPS'
            and request_processing_time < 0.0 and duration_s between 10.6 and 20.6
            then 'tls_timeout'
        when elb_status_code = 504 and (duration_s > 10.6 or duration_s >= idle_timeout_s - 0.5)
            then 'no_answer'
        when elb_status_code = 504 then 'other'
        -- 502: never connected, closed as the request arrived, or closed while it was worked on.
        when request_processing_time < 0.0 then 'not_connected'
        when waited_s <= coalesce(immediate_s, 0.005) then 'closed_at_once'
        else 'closed_midway'
    end as failure_class
from timed
