-- /// cause
-- id = "tls_handshake"
-- title = "The TLS handshake with the target failed"
-- statuses = [502, 504]
-- rate = "episodic"
-- ceiling = "medium"
-- needs = ["episodes", "target_groups"]
-- sources = []
-- remedy = "Check what the target's port offers: a certificate and key that the server can load, TLS 1.2 with a cipher of the load balancer's backend list, the right port and protocol of the target group; compare TargetTLSNegotiationErrorCount; with timeouts, look for exhausted CPU"
-- ///
--
-- Only behind HTTPS target groups. A handshake that is refused fails within a few round trips (502, never dispatched),
-- mostly on all targets from one change on; one that hangs is given up 10 s after the connect (504 after 10.6 to 20.6 s).
-- The log does not tell a refused handshake from a refused connect: never above medium.

select
    request_id,
    episode_id as cluster_id,
    'all' as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    requests as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(target_rate)
    + case
        when failure_class = 'tls_timeout' then ln(0.8)
        when failure_class = 'connect_timeout' then ln(0.3)
        when targets >= 2 then ln(0.6)
        -- One target that refuses is more often one without a listener.
        else ln(0.03)
    end as log_likelihood,
    case failure_class
        when
            'tls_timeout'
            then printf('connected, but no TLS handshake within 10 s (%.1f s in all)', duration_s)
        when 'connect_timeout'
            then
                printf(
                    'nothing within %.1f s: neither a connection nor a TLS handshake; the group speaks HTTPS',
                    duration_s
                )
        else printf('no TLS connection after %.3f s; the target group speaks HTTPS', duration_s)
    end as evidence
from episodes
where
    target_protocol = 'HTTPS'
    and (
        failure_class in ('tls_timeout', 'not_connected')
        -- The kernel connects at once, and then nobody shakes hands for 10 s: it looks like a lost SYN.
        or (failure_class = 'connect_timeout' and targets >= 2)
    )

union all

select
    null as request_id,
    null as cluster_id,
    'all' as rate_group,
    null as event_id,
    null as lag_s,
    cast(requests as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    2e-7 as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from target_groups
where protocol = 'HTTPS'
