"""Names: of the resource that a file name carries, and of the group a node belongs to."""

import re
from urllib.parse import unquote

from pipeline.timeline.base import Document

ASG_TAG = "aws:autoscaling:groupName"

_GROUP_ARN = re.compile(
    r"arn:[a-z-]+:autoscaling:[^:]*:[^:]*:autoScalingGroup:[^:]*:autoScalingGroupName/(.+)"
)

NODE_GROUP_KEYS = (
    "role",
    "node-group",
    "eks.amazonaws.com/nodegroup",
    "eks:nodegroup-name",
    "karpenter.sh/nodepool",
    "k8s.io/cluster-autoscaler/node-template/label/role",
)
"""Tags and labels that name a node's group better than its Auto Scaling group does, best first."""


def node_group_of(labels: dict[str, str]) -> str | None:
    """The group that tags or labels name; None when none of them does."""
    lowered = {key.lower(): value for key, value in labels.items()}
    return next((lowered[key] for key in NODE_GROUP_KEYS if lowered.get(key)), None)


def group_resource(arn: str | None, name: str) -> str:
    """What settings of an Auto Scaling group are kept under: its ARN, as regions may share a name."""
    return arn if arn is not None and _GROUP_ARN.fullmatch(arn) else f"auto-scaling-group/{name}"


def group_name(resource: str) -> str | None:
    """The Auto Scaling group that a resource is, by name; None when it is no such group, or any."""
    found = _GROUP_ARN.fullmatch(resource)
    name = found[1] if found else resource.partition("auto-scaling-group/")[2]
    return name if name and name != "*" else None


def named_resource(document: Document, dump: str) -> str | None:
    """The resource a dump's file name carries: ``shop`` in ``describe-load-balancer-attributes.shop``.

    Characters that no file name may hold are written as in a URL: ``team%2Fweb`` is ``team/web``.

    Args:
        document: the dump.
        dump: the part of the command that stands before the name, e.g. ``load-balancer-attributes``.
    """
    match = re.search(rf"{re.escape(dump)}\.(.+)$", document.name)
    return unquote(match[1]) if match else None
