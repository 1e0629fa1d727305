"""Asks CloudWatch what the load balancers counted per minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.timeline import aws_apis as api
from pipeline.timeline.scope import Scope

if TYPE_CHECKING:
    from pipeline.timeline.collector import Collector

KEPT = timedelta(days=15)
"""CloudWatch keeps points of one minute for this long."""
_MOST_QUERIES = 500
_OF_LOAD_BALANCER = (
    *("HTTPCode_ELB_502_Count", "HTTPCode_ELB_504_Count", "HTTPCode_Target_5XX_Count"),
    "TargetConnectionErrorCount",
)
_OF_TARGET_GROUP = ("HealthyHostCount", "UnHealthyHostCount")


def fetch(scope: Scope, ask: "Collector") -> None:
    """Ask for errors per load balancer and healthy hosts per target group, while their minutes are kept."""
    now = datetime.now(UTC)
    since, until = max(scope.since, now - KEPT), min(scope.until, now)
    queries = list(_queries(scope))
    if not queries:
        return
    if since >= until:
        ask.forgotten(api.METRICS, KEPT)
        return
    asked = [
        ask.ask(
            api.METRICS,
            about=f"{first // _MOST_QUERIES + 1}" if len(queries) > _MOST_QUERIES else None,
            MetricDataQueries=queries[first : first + _MOST_QUERIES],
            StartTime=since.replace(second=0, microsecond=0),
            EndTime=until,
            ScanBy="TimestampAscending",
        )
        for first in range(0, len(queries), _MOST_QUERIES)
    ]
    if all(asked):
        ask.covered("cloudwatch", since, until)


def _queries(scope: Scope) -> Iterator[dict[str, Any]]:
    number = 0
    for arn in sorted(scope.arns.values()):
        path = arn.split(":loadbalancer/", 1)[-1]
        groups = [group.split(":")[-1] for group in sorted(scope.behind.get(arn, ()))]
        wanted: list[tuple[str | None, str]] = [(None, metric) for metric in _OF_LOAD_BALANCER]
        wanted += [(group, metric) for group in groups for metric in _OF_TARGET_GROUP]
        for group, metric in wanted:
            number += 1
            yield _query(f"m{number}", path, group, metric)


def _query(own_id: str, path: str, group: str | None, metric: str) -> dict[str, Any]:
    dimensions = [{"Name": "LoadBalancer", "Value": path}]
    dimensions += [{"Name": "TargetGroup", "Value": group}] if group else []
    return {
        "Id": own_id,
        "Label": " ".join(word for word in (path, group, metric) if word),
        "MetricStat": {
            "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": dimensions},
            "Period": 60,
            "Stat": "Minimum" if metric == "HealthyHostCount" else "Maximum" if group else "Sum",
        },
    }
