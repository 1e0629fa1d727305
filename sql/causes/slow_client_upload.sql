-- /// cause
-- id = "slow_client_upload"
-- title = "The target gave up on a body that came too slowly"
-- statuses = [502]
-- rate = "steady"
-- ceiling = "medium"
-- needs = ["backgrounds", "gateway_errors", "upload_clients", "wait_piles"]
-- sources = []
-- remedy = "Give slow clients more time than the load balancer does: nginx client_body_timeout and client_header_timeout, Node.js server.requestTimeout, gunicorn --timeout above idle_timeout.timeout_seconds ({idle_timeout_s} s), so that the load balancer answers 408 itself; or take large uploads to S3 with presigned URLs"
-- ///
--
-- Requests with a body whose received bytes stay below what their path usually gets: the target's read timeout
-- ended them while the client was still sending. One may be a small upload; many are not. Bound to clients and their
-- networks, not to events or targets: a few clients have many, while a slow worker strikes everyone by his share of the
-- traffic. Content-Length is not logged: never above medium.

with

uploads as (

    select
        *,
        received_bytes / typical_received_bytes as received_share,
        count(*) over (partition by target_group_arn) as cuts,
        avg(ln(greatest(received_bytes, 1) / typical_received_bytes)) over (
            partition by target_group_arn
        ) as mean_log_share
    from gateway_errors
    where
        failure_class = 'closed_midway'
        and request_verb in ('POST', 'PUT', 'PATCH')
        and waited_s >= 4.0
        -- Headers alone are some hundred bytes: a path without real bodies tells nothing.
        and mean_received_bytes >= 4000.0

),

bound as (

    -- Who is cut next: one of those who were cut before, in proportion (two more count as anybody), against
    -- anybody in proportion to his requests. The mean over all cuts.
    select
        target_group_arn,
        count(*) as clients,
        sum(
            cuts * ln(
                (cuts - 1.0 + 2.0 * traffic_share) / (all_cuts - 1.0 + 2.0) / traffic_share
            )
        ) / sum(cuts) as mean_log_ratio
    from upload_clients
    group by target_group_arn

)

select
    uploads.request_id,
    uploads.target_group_arn as cluster_id,
    uploads.target_group_arn as rate_group,
    cast(null as varchar) as event_id,
    cast(null as double) as lag_s,
    1.0 as exposure,
    0.0 as support,
    1.0 as class_share,
    cast(null as double) as prior_rate,
    cast(null as double) as prior_weight,
    ln(uploads.target_rate) + ln(0.5)
    -- What came of truncated bodies is a fraction (0.8 nats less on average) of what comes of whole ones, whose sizes
    -- scatter by a nat. All cuts of the target group tell together: ten are enough.
    + greatest(least(least(uploads.cuts, 10) * (-0.8 * uploads.mean_log_share - 0.32), 3.0), -3.0)
    -- Moderately slow clients are cut in large bodies only, of which as much had come as others send: then it is
    -- their few clients that tell.
    + greatest(least(least(uploads.cuts, 10) * bound.mean_log_ratio, 3.0), -3.0)
    -- A read timeout is a constant, too.
    + ln(greatest(coalesce(wait_piles.pile_ratio, 1.0), 1.0)) as log_likelihood,
    printf(
        'cut %.1f s after dispatch, %.0f %% of its path''s usual bytes (%.0f %% in %d cuts of %d clients)',
        uploads.waited_s, 100.0 * uploads.received_share, 100.0 * exp(uploads.mean_log_share), uploads.cuts,
        bound.clients
    ) as evidence
from uploads
inner join bound
    on uploads.target_group_arn = bound.target_group_arn
left join wait_piles
    on uploads.request_id = wait_piles.request_id

union all

select * replace (5e-7 as prior_rate)
from backgrounds
