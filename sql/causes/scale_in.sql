-- /// cause
-- id = "scale_in"
-- title = "A node was terminated while it still carried traffic"
-- statuses = [502, 504]
-- rate = "per_event"
-- needs = ["exit_errors", "node_exits"]
-- sources = ["nodes"]
-- remedy = "Deregister a node and let it drain before it is terminated: a termination lifecycle hook on the Auto Scaling group (autoscaling:EC2_INSTANCE_TERMINATING) that waits for the deregistration delay, and the label node.kubernetes.io/exclude-from-external-load-balancers on bulk nodes"
-- ///
--
-- The node's processes are killed (requests cut, 502) and then it is silent: connects time out (504
-- after 10 s) and requests in flight hang until the idle timeout (504), until it is deregistered or
-- called unhealthy. Behind NodePort its pods were also reached through other nodes, and it forwarded
-- to pods elsewhere, so errors are logged against healthy nodes too.

select
    request_id,
    exit_id as cluster_id,
    node_group || ' ' || manner as rate_group,
    left_event_id as event_id,
    failed_after_s as lag_s,
    1.0 as exposure,
    0.0 as support,
    class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(density) as log_likelihood,
    case when is_direct then 'its node ' else 'node ' end || exit_name
    || case when node_group = '' then '' else ' of ' || node_group end
    || case when left_known_by = 'logs' then ' fell silent ' else ' was terminated ' end
    || case
        when failed_after_s >= 0.0 then printf('%.0f s before the failure', failed_after_s)
        else printf('%.0f s after the failure', -failed_after_s)
    end
    || case manner when 'abrupt' then ', without draining' when 'drained' then ', after draining' else '' end
    || case when is_direct then '' else '; NodePort led there through ' || target_ip end as evidence
from exit_errors
where not is_spot

union all

select
    null as request_id,
    lifetime_id as cluster_id,
    node_group || ' ' || manner as rate_group,
    left_event_id as event_id,
    null as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    case manner
        when 'abrupt' then 3.0
        when 'unknown' then 1.0
        -- The log alone cannot tell an end from a pause.
        when 'unseen' then 0.1
        else 0.05
    end as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from node_exits
where not is_spot
