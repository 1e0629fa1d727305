"""What changed around the load balancer, and who was there when."""

from enum import StrEnum

import pyarrow as pa

from pipeline.model.tables import INSTANT, REAL, TEXT, Table, column


class EventKind(StrEnum):
    """What an observed change says, in the past tense."""

    INSTANCE_LAUNCHED = "instance_launched"
    NODE_JOINED = "node_joined"
    NODE_BECAME_READY = "node_became_ready"
    NODE_BECAME_UNREADY = "node_became_unready"
    NODE_CORDONED = "node_cordoned"
    INSTANCE_IMPAIRED = "instance_impaired"
    SPOT_INTERRUPTED = "spot_interrupted"
    TERMINATION_STARTED = "termination_started"
    INSTANCE_TERMINATED = "instance_terminated"
    INSTANCE_STOPPED = "instance_stopped"
    NODE_LEFT = "node_left"
    TARGET_REGISTERED = "target_registered"
    TARGET_DEREGISTERED = "target_deregistered"
    TARGET_UNHEALTHY = "target_unhealthy"
    TARGET_BECAME_UNREACHABLE = "target_became_unreachable"
    TARGET_BECAME_REACHABLE = "target_became_reachable"
    POD_SCHEDULED = "pod_scheduled"
    POD_STARTED = "pod_started"
    POD_BECAME_READY = "pod_became_ready"
    POD_BECAME_UNREADY = "pod_became_unready"
    POD_DELETION_REQUESTED = "pod_deletion_requested"
    POD_EXITED = "pod_exited"
    CONTAINER_CRASHED = "container_crashed"
    CONTAINER_RESTARTED = "container_restarted"
    PROBE_FAILED = "probe_failed"
    ENDPOINTS_CHANGED = "endpoints_changed"
    SETTING_CHANGED = "setting_changed"
    ROUTING_CHANGED = "routing_changed"
    NETWORK_CHANGED = "network_changed"
    SCALING_DECIDED = "scaling_decided"
    OTHER = "other"


EVENTS = Table(
    "events",
    "observed change, as one source tells it",
    pa.schema(
        [
            column("event_id", TEXT, "hash of source, its own id and kind: stable", required=True),
            column("occurred_at", INSTANT, "when it happened", required=True),
            column("uncertainty_s", REAL, "it happened within occurred_at ± this", required=True),
            column("source", TEXT, "autoscaling, ec2, elbv2, cloudtrail, kubernetes, ...", required=True),
            column("kind", TEXT, "an EventKind", required=True),
            column("instance_id", TEXT, "EC2 instance"),
            column("private_ip", TEXT, "node address"),
            column("vpc_id", TEXT, "VPC of the address"),
            column("node_name", TEXT, "Kubernetes node"),
            column("node_group", TEXT, "role or group of the node, e.g. bulk-ingest"),
            column("pod_name", TEXT, "namespace/name"),
            column("pod_uid", TEXT, "uid of the pod"),
            column("pod_ip", TEXT, "pod address"),
            column("service", TEXT, "namespace/name of the service whose pods are meant"),
            column("target_group_arn", TEXT, "target group"),
            column("target_port", pa.int32(), "port of the target where the source names one"),
            column("asg_name", TEXT, "Auto Scaling group"),
            column("is_graceful", pa.bool_(), "drained first? NULL when unknown"),
            column("reason", TEXT, "class of reason: scale_in, unhealthy, spot, OOMKilled, ..."),
            column("detail", TEXT, "sentence or text as the source has it"),
            column("source_ref", TEXT, "file (and record) it was read from", required=True),
        ]
    ),
)


COVERAGE = Table(
    "coverage",
    "source and span that it really observed",
    pa.schema(
        [
            column("source", TEXT, "scaling_activities, cloudtrail, pods, kube_events, ...", required=True),
            column("covered_from", INSTANT, "start of the span", required=True),
            column("covered_to", INSTANT, "end of the span", required=True),
            column("source_ref", TEXT, "file it was read from", required=True),
            column("account", TEXT, "AWS account observed; NULL: whichever is asked about"),
            column("region", TEXT, "AWS region observed; NULL: as account"),
        ]
    ),
)


SETTINGS = Table(
    "settings",
    "setting and interval in which it was in force",
    pa.schema(
        [
            column("resource", TEXT, "ARN, or kind/namespace/name in Kubernetes", required=True),
            column("setting", TEXT, "name as AWS or Kubernetes has it", required=True),
            column("value", TEXT, "value as text", required=True),
            column("valid_from", INSTANT, "NULL: since before anything we know"),
            column("valid_to", INSTANT, "NULL: until now"),
            column("source", TEXT, "where it was read", required=True),
        ]
    ),
)


METRICS = Table(
    "metrics",
    "load balancer or target group, CloudWatch metric and minute",
    pa.schema(
        [
            column("elb", TEXT, "resource id of the load balancer, app/name/id", required=True),
            column("target_group", TEXT, "targetgroup/name/id; NULL: the load balancer as a whole"),
            column("metric", TEXT, "name as CloudWatch has it, e.g. HTTPCode_ELB_502_Count", required=True),
            column("minute", INSTANT, "start of the minute", required=True),
            column("value", REAL, "count, or hosts", required=True),
        ]
    ),
)


LIFETIMES = Table(
    "lifetimes",
    "node or pod, and the interval in which it held its address",
    pa.schema(
        [
            column("lifetime_id", TEXT, "stable id", required=True),
            column("kind", TEXT, "node or pod", required=True),
            column("private_ip", TEXT, "address held: of the node, or of the pod"),
            column("vpc_id", TEXT, "VPC of the address"),
            column("instance_id", TEXT, "EC2 instance (of the pod's node for a pod)"),
            column("node_name", TEXT, "Kubernetes node (the node of the pod for a pod)"),
            column("node_group", TEXT, "role or group of the node"),
            column("asg_name", TEXT, "Auto Scaling group"),
            column("pod_name", TEXT, "namespace/name"),
            column("pod_uid", TEXT, "uid of the pod"),
            column("service", TEXT, "namespace/name of the service that selects the pod"),
            column("joined_at", INSTANT, "start of the interval; NULL: before anything we know"),
            column("joined_uncertainty_s", REAL, "joined within ± this"),
            column("joined_known_by", TEXT, "source of joined_at; logs = inferred from the first line"),
            column("joined_event_id", TEXT, "event that says so"),
            column("ready_at", INSTANT, "when it could serve: node or pod Ready, target registered"),
            column("drain_started_at", INSTANT, "deregistration, cordon or delete request; NULL: none seen"),
            column("drain_known_by", TEXT, "source of drain_started_at"),
            column("drain_event_id", TEXT, "event that says so"),
            column("left_at", INSTANT, "end of the interval; NULL: still there"),
            column("left_uncertainty_s", REAL, "left within ± this"),
            column("left_known_by", TEXT, "source of left_at; logs = inferred from the last line"),
            column("left_event_id", TEXT, "event that says so"),
            column("left_reason", TEXT, "scale_in, spot, unhealthy, crash, deleted, ...; NULL: unknown"),
            column("is_graceful", pa.bool_(), "drained before it left? NULL when unknown"),
        ]
    ),
)
