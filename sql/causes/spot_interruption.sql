-- /// cause
-- id = "spot_interruption"
-- title = "EC2 took back a Spot node that still carried traffic"
-- statuses = [502, 504]
-- rate = "per_event"
-- needs = ["exit_errors", "node_exits"]
-- sources = ["nodes"]
-- remedy = "Deregister and drain on the interruption warning, about 120 s ahead: AWS Node Termination Handler or Karpenter with an interruption queue, capacity rebalancing on the Auto Scaling group, deregistration_delay.timeout_seconds below 120 s (now {deregistration_delay_s} s); or keep on-demand nodes behind the load balancer"
-- ///
--
-- The same silence as `scale_in`, but nobody asked for it: an interruption warning or a BidEvictedEvent names
-- the instance, EC2 says so of the terminated one, or a Spot instance was gone before Auto Scaling acted and no
-- record tells who terminated it. One that left in another way is called `scale_in`.

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
    || ' was taken back (spot) '
    || case
        when failed_after_s >= 0.0 then printf('%.0f s before the failure', failed_after_s)
        else printf('%.0f s after the failure', -failed_after_s)
    end
    || case manner when 'abrupt' then ', without draining' when 'drained' then ', after draining' else '' end
    || case when is_direct then '' else '; NodePort led there through ' || target_ip end as evidence
from exit_errors
where is_spot

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
    case manner when 'drained' then 0.1 else 3.0 end as prior_rate,
    0.5 as prior_weight,
    null as log_likelihood,
    null as evidence
from node_exits
where is_spot
