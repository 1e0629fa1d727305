-- /// cause
-- id = "conntrack_reset"
-- title = "kube-proxy let an out-of-window packet reset a live connection"
-- statuses = [502]
-- rate = "steady"
-- needs = ["gateway_errors", "settings", "target_groups"]
-- sources = []
-- remedy = "Upgrade Kubernetes to 1.15 or later, or set sysctl net.netfilter.nf_conntrack_tcp_be_liberal=1 on every node"
-- ///
--
-- A packet that conntrack calls INVALID is not translated back; its receiver resets the connection.
-- It scales with packets in flight, not with pauses or events: two in three of its victims are biased by
-- size (packets of the request and of its path's usual response, over the mean), one in three is not.
-- Pods behind ip targets have no kube-proxy in between.

with

version as (

    select
        coalesce(
            bool_or(
                try_cast(regexp_extract(value, '^v?1[.]([0-9]+)', 1) as integer) < 15
            ),
            false
        ) as is_affected,
        count(*) > 0 as is_known
    from settings
    where setting in ('kube_proxy_version', 'kubelet_version')

)

select
    request_id,
    target_group_arn as cluster_id,
    target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(target_rate) + ln(0.5)
    + least(ln(0.35 + 0.65 * packets / mean_packets), 4.0) as log_likelihood,
    printf(
        'cut %.0f ms after dispatch, %d bytes received, about %.1f times the packets of a mean exchange',
        1000.0 * waited_s, received_bytes, packets / mean_packets
    ) as evidence
from gateway_errors
where
    failure_class in ('closed_at_once', 'closed_midway')
    and target_type is distinct from 'ip'

union all

select
    null as request_id,
    target_groups.target_group_arn as cluster_id,
    target_groups.target_group_arn as rate_group,
    null as event_id,
    null as lag_s,
    cast(target_groups.requests as double) as exposure,
    0.0 as support,
    1.0 as class_share,
    case
        when version.is_affected then 5e-5
        when version.is_known then 2e-8
        else 2e-7
    end as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from target_groups
cross join version
where target_groups.target_type is distinct from 'ip'
