"""What a live collection is about: load balancers and a window, and what hangs on them as it is found."""

from dataclasses import dataclass, field
from datetime import datetime

from pipeline.timeline.shapes import Record, objects, text, texts


@dataclass
class Scope:
    """The question to AWS.

    Attributes:
        names: load balancers, by name.
        since: start of the window, UTC.
        until: its end, UTC.
        left_out: load balancers beyond those that a collection asks about.
        region: where they are; None: that of the AWS chain.
        account: whose they are, as logs or ARN say, else as the first one found.
        is_probe: whether it is only to be seen what is allowed, and how fresh it is: listings of changes are
            then asked for their newest page.
        must_be_seen: whether the credentials may be those of another account: only one of the load balancers
            proves that they are not.
        is_alone: whether no other account or region is asked about.
        strangers: accounts of load balancers of such a name that are not meant.
        vpcs: VPCs of the load balancers found.
        arns: ARN by name of the load balancers found.
        target_groups: name by ARN of the target groups found.
        behind: ARNs of the target groups by ARN of their load balancer.
        targets: instance ids registered in them.
    """

    names: list[str]
    since: datetime
    until: datetime
    left_out: int = 0
    region: str | None = None
    account: str | None = None
    is_probe: bool = False
    must_be_seen: bool = False
    is_alone: bool = True
    strangers: set[str] = field(default_factory=set)
    vpcs: set[str] = field(default_factory=set)
    arns: dict[str, str] = field(default_factory=dict)
    target_groups: dict[str, str] = field(default_factory=dict)
    behind: dict[str, set[str]] = field(default_factory=dict)
    targets: set[str] = field(default_factory=set)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the answers are those of another account than the load balancers'."""
        return not self.arns and (bool(self.strangers) or self.must_be_seen)

    def saw_load_balancers(self, page: Record) -> None:
        """Take names, ARNs and VPCs from a page of DescribeLoadBalancers."""
        for one in objects(page, "LoadBalancers"):
            name, arn, vpc = (text(one, key) for key in ("LoadBalancerName", "LoadBalancerArn", "VpcId"))
            if name and arn and ":loadbalancer/" in arn:
                owner = arn.split(":")[-2]
                if self.account not in {None, owner}:
                    self.strangers.add(owner)
                    continue
                self.account = owner
                self.arns[name] = arn
                self.vpcs |= {vpc} if vpc else set()

    def saw_target_groups(self, page: Record) -> None:
        """Take names and ARNs from a page of DescribeTargetGroups."""
        for one in objects(page, "TargetGroups"):
            name, arn = text(one, "TargetGroupName"), text(one, "TargetGroupArn")
            if name and arn:
                self.target_groups[arn] = name
                for load_balancer in texts(one, "LoadBalancerArns"):
                    self.behind.setdefault(load_balancer, set()).add(arn)

    def saw_targets(self, page: Record) -> None:
        """Take instance ids from DescribeTargetHealth; targets by address are no instances."""
        ids = (text(one, "Target", "Id") or "" for one in objects(page, "TargetHealthDescriptions"))
        self.targets |= {one for one in ids if one.startswith("i-")}


def load_balancer_name(given: str) -> str:
    """The name in ``shop``, ``app/shop/50dc6c495c0c9188`` or an ARN."""
    parts = given.split("/")
    return parts[-2] if len(parts) > 2 else given  # noqa: PLR2004 - app/name/id
