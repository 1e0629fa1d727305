-- Grain: one row per cause whose remedy's effort is known; others count as a rollout.
-- setting: a value to change, at most a restart. rollout: manifests or images of workloads or nodes.
-- application: the code behind the load balancer. investigation: something is to be found out first.

select
    known.cause,
    known.effort,
    known.place
from (
    values
    ('config_change', 'setting', 1),
    ('conntrack_reset', 'setting', 1),
    ('deregistration_delay_expired', 'setting', 1),
    ('h2_goaway', 'setting', 1),
    ('idle_flow_evicted', 'setting', 1),
    ('keepalive_race', 'setting', 1),
    ('security_group_change', 'setting', 1),
    ('slow_client_upload', 'setting', 1),
    ('zonal_failure', 'setting', 1),
    ('draining_pod', 'rollout', 2),
    ('kube_proxy_restart', 'rollout', 2),
    ('new_node', 'rollout', 2),
    ('no_endpoints', 'rollout', 2),
    ('overload', 'rollout', 2),
    ('protocol_mismatch', 'rollout', 2),
    ('scale_in', 'rollout', 2),
    ('spot_interruption', 'rollout', 2),
    ('content_length_mismatch', 'application', 3),
    ('lambda_error', 'application', 3),
    ('malformed_response', 'application', 3),
    ('response_header_too_large', 'application', 3),
    ('target_crash', 'application', 3),
    ('target_generated', 'application', 3),
    ('target_timeout', 'application', 3),
    ('worker_abort', 'application', 3),
    ('connect_timeout', 'investigation', 4),
    ('connection_refused', 'investigation', 4),
    ('elb_event', 'investigation', 4),
    ('tls_handshake', 'investigation', 4)
) as known (cause, effort, place)
