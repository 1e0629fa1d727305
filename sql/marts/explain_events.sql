-- Grain: one row per event within ten minutes of the failure, nearest first, at most forty.

select
    events.occurred_at,
    events.kind,
    events.source,
    events.node_name,
    events.instance_id,
    events.private_ip,
    events.pod_name,
    events.reason,
    events.detail,
    events.source_ref,
    seconds_between(events.occurred_at, gateway_errors.failed_at) as lag_s
from gateway_errors
inner join events
    on
        events.occurred_at between seconds_after(gateway_errors.began_at, -600.0)
        and seconds_after(gateway_errors.failed_at, 600.0)
where gateway_errors.request_id = $request_id
order by abs(seconds_between(events.occurred_at, gateway_errors.failed_at)) asc, events.event_id asc
limit 40
