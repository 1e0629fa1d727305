"""Every AWS call that live collection makes: the one list behind budget, permissions and file names.

``docs/timeline.md`` has its IAM policy and its budget from here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from pipeline.timeline.cloudtrail_calls import CALLS
from pipeline.timeline.cloudtrail_interfaces import INTERFACE_CALLS

Page = dict[str, Any]
"""An answer as boto3 gives it."""

_IAM_PREFIX = {"elbv2": "elasticloadbalancing"}
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True)
class Api:
    """One operation, and how often one collection may call it.

    Attributes:
        service: as boto3 names it.
        operation: as the API names it.
        size: what makes pages as long as the API allows.
        once: calls allowed per collection.
        per_load_balancer: further ones per load balancer.
        per_day: further ones per started day of the window.
        per_second: the API's own limit on calls, None when it has a bucket large enough.
    """

    service: str
    operation: str
    size: Mapping[str, int] = field(default_factory=dict, hash=False)
    once: int = 0
    per_load_balancer: int = 0
    per_day: int = 0
    per_second: float | None = None

    @property
    def action(self) -> str:
        """The IAM action that allows it: ``elasticloadbalancing:DescribeTargetHealth``."""
        return f"{_IAM_PREFIX.get(self.service, self.service)}:{self.operation}"

    @property
    def dump(self) -> str:
        """The AWS CLI's word for it, and so the file's name: ``describe-target-health``."""
        return _WORD.sub("-", self.operation).lower()

    def allowed(self, load_balancers: int, days: int) -> int:
        """Calls of one collection, at most."""
        return self.once + self.per_load_balancer * load_balancers + self.per_day * days


MOST_LOAD_BALANCERS = 50
"""Load balancers that one collection asks about."""
MOST_TARGET_GROUPS = 20
"""Target groups per load balancer whose attributes and health are asked for."""
MOST_GROUPS = 20
"""Auto Scaling groups whose hooks, refreshes and warm pools are asked for."""

MOST_PASTS = 30
"""Instances that went whose launch is looked up."""
MOST_INTERFACE_PAGES = 3
"""Pages, newest first, of each call on network interfaces: networking plugins make thousands a day."""

LOAD_BALANCERS = Api("elbv2", "DescribeLoadBalancers", per_load_balancer=1)
LOAD_BALANCER_ATTRIBUTES = Api("elbv2", "DescribeLoadBalancerAttributes", per_load_balancer=1)
LISTENERS = Api("elbv2", "DescribeListeners", {"PageSize": 400}, per_load_balancer=1)
TARGET_GROUPS = Api("elbv2", "DescribeTargetGroups", {"PageSize": 400}, per_load_balancer=2)
TARGET_GROUP_ATTRIBUTES = Api("elbv2", "DescribeTargetGroupAttributes", per_load_balancer=MOST_TARGET_GROUPS)
TARGET_HEALTH = Api("elbv2", "DescribeTargetHealth", per_load_balancer=MOST_TARGET_GROUPS)
ACTIVITIES = Api("autoscaling", "DescribeScalingActivities", {"MaxRecords": 100}, once=5, per_day=10)
GROUPS = Api("autoscaling", "DescribeAutoScalingGroups", {"MaxRecords": 100}, once=10)
GROUP_INSTANCES = Api("autoscaling", "DescribeAutoScalingInstances", {"MaxRecords": 50}, once=10)
HOOKS = Api("autoscaling", "DescribeLifecycleHooks", once=MOST_GROUPS)
REFRESHES = Api("autoscaling", "DescribeInstanceRefreshes", {"MaxRecords": 100}, once=MOST_GROUPS)
WARM_POOL = Api("autoscaling", "DescribeWarmPool", {"MaxRecords": 50}, once=MOST_GROUPS)
INSTANCES = Api("ec2", "DescribeInstances", {"MaxResults": 1000}, once=10)
INTERFACES = Api("ec2", "DescribeNetworkInterfaces", {"MaxResults": 1000}, once=10)
INSTANCE_STATUS = Api("ec2", "DescribeInstanceStatus", {"MaxResults": 1000}, once=5)
SPOT_REQUESTS = Api("ec2", "DescribeSpotInstanceRequests", {"MaxResults": 1000}, once=2)
LOOKUP = Api(
    "cloudtrail",
    "LookupEvents",
    {"MaxResults": 50},
    once=len(CALLS) + (MOST_INTERFACE_PAGES - 1) * len(INTERFACE_CALLS) + MOST_PASTS,
    per_day=40,
    per_second=2.0,
)
METRICS = Api("cloudwatch", "GetMetricData", once=1, per_load_balancer=1, per_day=1)

APIS = (
    *(LOAD_BALANCERS, LOAD_BALANCER_ATTRIBUTES, LISTENERS, TARGET_GROUPS),
    *(TARGET_GROUP_ATTRIBUTES, TARGET_HEALTH),
    *(ACTIVITIES, GROUPS, GROUP_INSTANCES, HOOKS, REFRESHES, WARM_POOL),
    *(INSTANCES, INTERFACES, INSTANCE_STATUS, SPOT_REQUESTS, LOOKUP, METRICS),
)

S3_ACTIONS = ("s3:ListBucket", "s3:GetObject")
"""What reading a trail's own files needs, or what Firehose delivers, on its bucket only."""


MOST_LOG_PAGES = 1000
"""Pages of one audit log: 1 MB at most, and often empty."""


def budget(load_balancers: int, hours: float, audit_logs: int = 0) -> int:
    """API calls of one collection, at most; repeats after throttling and objects of S3 not counted.

    Args:
        load_balancers: how many are asked for.
        hours: length of the window.
        audit_logs: log groups of EKS audit logs that are read.
    """
    days = started_days(hours)
    return sum(api.allowed(load_balancers, days) for api in APIS) + MOST_LOG_PAGES * audit_logs


def started_days(hours: float) -> int:
    """Days of a window, at least one; the last one counts when more than an hour of it is asked for."""
    return max(1, ceil((hours - 1) / 24))
