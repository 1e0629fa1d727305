-- Grain: one row per other request on the same target that was in flight with the failed one or ended within
-- five seconds of its failure: failed ones first, then by nearness, at most forty. A NodePort's neighbour may have met
-- another pod.

select
    requests.time,
    requests.elb_node_ip,
    requests.elb_status_code,
    requests.target_status_code,
    requests.request_processing_time,
    requests.target_processing_time,
    requests.request_verb,
    path_of(requests.request_url) as path,
    coalesce(requests.elb_node_ip, '') = coalesce(gateway_errors.elb_node_ip, '') as is_same_pair,
    seconds_between(gateway_errors.failed_at, requests.time) as offset_s
from gateway_errors
inner join requests
    on
        gateway_errors.target_ip = requests.target_ip
        and gateway_errors.target_port = requests.target_port
        and requests.time between least(
            seconds_after(gateway_errors.failed_at, -5.0), gateway_errors.began_at
        )
        and seconds_after(gateway_errors.failed_at, 5.0)
where
    gateway_errors.request_id = $request_id
    and not (
        gateway_errors.object_key = requests.object_key
        and gateway_errors.line_number = requests.line_number
    )
order by
    coalesce(requests.elb_status_code, 0) >= 500 desc,
    abs(seconds_between(gateway_errors.failed_at, requests.time)) asc,
    requests.line_number asc
limit 40
