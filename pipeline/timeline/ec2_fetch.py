"""Asks EC2 which instance holds which address now, and which ones are about to go or just went."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.timeline import aws_apis as api
from pipeline.timeline.scope import Scope
from pipeline.timeline.shapes import Record

if TYPE_CHECKING:
    from pipeline.timeline.collector import Collector

_SPOT_ENDS = (
    "marked-for-stop",
    "marked-for-termination",
    "instance-terminated-by-price",
    "instance-terminated-no-capacity",
    "instance-terminated-capacity-oversubscribed",
    "instance-stopped-by-price",
    "instance-stopped-no-capacity",
    "instance-stopped-capacity-oversubscribed",
)


def fetch(scope: Scope, ask: "Collector") -> None:
    """Ask for the VPCs of the load balancers; terminated instances lost theirs and are asked for by state.

    Everything is as of now: coverage is the moment of asking. Instances that AWS services manage (EKS Auto
    Mode) are asked for as well, where they are hidden.
    """
    asked_at = datetime.now(UTC)
    here = _filters("vpc-id", sorted(scope.vpcs)) if scope.vpcs else []
    all_of_them: dict[str, Any] = {"IncludeManagedResources": True}
    going = _filters("instance-state-name", ["shutting-down", "terminated"])
    asked = {
        "instances": ask.ask(api.INSTANCES, Filters=here, **all_of_them)
        & ask.ask(api.INSTANCES, about="terminated", Filters=going, **all_of_them),
        "network_interfaces": ask.ask(api.INTERFACES, Filters=here, **all_of_them),
        "instance_status": ask.ask(api.INSTANCE_STATUS, **all_of_them),
        "spot_requests": ask.ask(api.SPOT_REQUESTS, Filters=_filters("status-code", list(_SPOT_ENDS))),
    }
    for source, is_whole in asked.items():
        if is_whole:
            ask.covered(source, asked_at, asked_at)


def _filters(name: str, values: list[str]) -> list[Record]:
    return [{"Name": name, "Values": values}]
