-- /// finding
-- id = "kube_proxy_resets_connections"
-- title = "This kube-proxy resets live connections"
-- severity = "error"
-- causes = ["conntrack_reset"]
-- needs = ["kube_proxy_version"]
-- change = "Upgrade the nodes to Kubernetes 1.15 or later; until then set net.netfilter.nf_conntrack_tcp_be_liberal=1 on each"
-- cli = "sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1"
-- terraform = "aws_eks_node_group: version = \"1.15\" or later"
-- kubectl = "a DaemonSet with an init container that runs: sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1"
-- ///
--
-- Before 1.15 kube-proxy did not drop out-of-window packets that conntrack calls invalid; the peer
-- answered them with a reset.

with

affected as (

    select
        count(distinct settings.resource) as nodes,
        min(settings.value) as oldest
    from settings
    where
        settings.setting = 'kube_proxy_version'
        and try_cast(regexp_extract(settings.value, '^v?1[.]([0-9]+)', 1) as integer) < 15

)

select
    'cluster' as resource,
    cast(null as varchar) as target_group_arn,
    cast(null as varchar) as elb,
    cast(null as varchar) as node_group,
    affected.oldest as current_value,
    'v1.15' as wanted_value,
    printf('%d nodes run kube-proxy older than 1.15', affected.nodes) as evidence
from affected
where affected.nodes > 0
