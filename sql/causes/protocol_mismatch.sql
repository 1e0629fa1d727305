-- /// cause
-- id = "protocol_mismatch"
-- title = "The target group speaks another protocol than its targets"
-- statuses = [502]
-- rate = "episodic"
-- ceiling = "medium"
-- needs = ["backgrounds", "dead_spells", "gateway_errors", "target_groups"]
-- sources = ["changes"]
-- remedy = "Give the target group the protocol and version of the port behind it: Protocol HTTPS for a TLS port, ProtocolVersion GRPC or HTTP2 only where the server speaks it (h2c), port of the container and not of a sidecar; both are fixed when it is created, so make a new target group"
-- ///
--
-- HTTP sent to a TLS port (or the wrong version of HTTP) fails every time: the target group gets no answer any more, and
-- fewer and fewer while a rollout brings such pods. The same mismatch on the client's side is logged as 464. A
-- service that is broken altogether looks the same: never above medium.

select
    gateway_errors.request_id,
    dead_spells.spell_id as cluster_id,
    gateway_errors.target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    cast(dead_spells.requests as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(gateway_errors.target_rate) + ln(0.8) as log_likelihood,
    printf(
        '%d of %d requests to its target group ended so in %d min, half of them or more in some',
        dead_spells.closes, dead_spells.requests, dead_spells.last_minute - dead_spells.first_minute + 1
    ) as evidence
from gateway_errors
inner join dead_spells
    on
        gateway_errors.target_group_arn = dead_spells.target_group_arn
        and minute_of(gateway_errors.failed_at) between dead_spells.first_minute and dead_spells.last_minute
inner join target_groups
    on gateway_errors.target_group_arn = target_groups.target_group_arn
where
    gateway_errors.failure_class in ('closed_at_once', 'closed_midway')
    and target_groups.protocol <> 'HTTPS'

union all

select * replace (1e-9 as prior_rate)
from backgrounds
