-- Grain: one row per request to the same target within five seconds of the failure, at most forty.

select
    requests.time,
    requests.elb_node_ip,
    requests.elb_status_code,
    requests.target_status_code,
    requests.request_processing_time,
    requests.target_processing_time,
    requests.request_verb,
    path_of(requests.request_url) as path,
    seconds_between(gateway_errors.failed_at, requests.time) as offset_s
from gateway_errors
inner join requests
    on
        gateway_errors.target_ip = requests.target_ip
        and gateway_errors.target_port = requests.target_port
        and requests.time between seconds_after(gateway_errors.failed_at, -5.0)
        and seconds_after(gateway_errors.failed_at, 5.0)
where gateway_errors.request_id = $request_id
order by abs(seconds_between(gateway_errors.failed_at, requests.time)) asc, requests.line_number asc
limit 40
