"""Asks Elastic Load Balancing for the load balancers, what is behind them, and their settings."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.timeline import aws_apis as api
from pipeline.timeline.scope import Scope

if TYPE_CHECKING:
    from pipeline.timeline.collector import Collector


def fetch(scope: Scope, ask: "Collector") -> None:
    """Ask per load balancer, then per target group; what is found goes into ``scope``.

    All of it is as of now: coverage is the moment of asking, and only where every answer came.
    """
    asked_at = datetime.now(UTC)
    whole = {"load_balancers": True, "target_groups": True, "target_health": True}
    for name in scope.names:
        found = ask.ask(api.LOAD_BALANCERS, about=name, note=scope.saw_load_balancers, Names=[name])
        whole["load_balancers"] &= found
    for name, arn in sorted(scope.arns.items()):
        ask.ask(api.LOAD_BALANCER_ATTRIBUTES, about=name, LoadBalancerArn=arn)
        ask.ask(api.LISTENERS, about=name, LoadBalancerArn=arn)
        found = ask.ask(api.TARGET_GROUPS, about=name, note=scope.saw_target_groups, LoadBalancerArn=arn)
        whole["target_groups"] &= found
    for arn, name in sorted(scope.target_groups.items()):
        ask.ask(api.TARGET_GROUP_ATTRIBUTES, about=name, TargetGroupArn=arn)
        whole["target_health"] &= ask.ask(
            api.TARGET_HEALTH, about=name, note=scope.saw_targets, TargetGroupArn=arn
        )
    for source, is_whole in whole.items():
        if is_whole and scope.arns:
            ask.covered(source, asked_at, asked_at)
