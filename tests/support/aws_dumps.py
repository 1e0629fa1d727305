"""Dumps as a service's answers: the rows of an operation, filtered as its parameters say."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.timeline.instants import read_instant

Json = dict[str, Any]

_LISTS = {
    "DescribeScalingActivities": "Activities",
    "DescribeAutoScalingGroups": "AutoScalingGroups",
    "DescribeAutoScalingInstances": "AutoScalingInstances",
    "DescribeInstanceRefreshes": "InstanceRefreshes",
    "DescribeLifecycleHooks": "LifecycleHooks",
    "DescribeLoadBalancers": "LoadBalancers",
    "DescribeListeners": "Listeners",
    "DescribeTargetGroups": "TargetGroups",
    "DescribeInstances": "Reservations",
    "DescribeNetworkInterfaces": "NetworkInterfaces",
    "DescribeInstanceStatus": "InstanceStatuses",
    "DescribeSpotInstanceRequests": "SpotInstanceRequests",
}
_OF_ONE = {
    "DescribeLoadBalancerAttributes": ("load-balancer-attributes", "Attributes"),
    "DescribeTargetGroupAttributes": ("target-group-attributes", "Attributes"),
    "DescribeTargetHealth": ("target-health", "TargetHealthDescriptions"),
}


@dataclass
class Dumps:
    """Everything in some folders.

    Attributes:
        lists: rows by the list's name.
        named: whole documents by file name without ``.json``.
        records: CloudTrail records.
    """

    lists: dict[str, list[Json]] = field(default_factory=dict)
    named: dict[str, Json] = field(default_factory=dict)
    records: list[Json] = field(default_factory=list)

    @classmethod
    def read(cls, *folders: Path) -> "Dumps":
        """Read every JSON file, gzip or not."""
        dumps = cls()
        paths = (path for folder in folders for path in sorted(folder.rglob("*.json*")) if path.is_file())
        for path in paths:
            if "kubectl" in path.name or path.name == "collection.json":
                continue
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            dumps.add(path.name.removesuffix(".gz").removesuffix(".json"), json.loads(text))
        return dumps

    def add(self, name: str, value: Json) -> None:
        """Take one document; later ones of the same list add rows."""
        self.named[name] = value
        self.records += value.get("Records", [])
        self.records += [json.loads(one["CloudTrailEvent"]) for one in value.get("Events", [])]
        for key in _LISTS.values():
            self.lists.setdefault(key, []).extend(value.get(key, []))

    def rows(self, operation: str, asked: Json) -> Json | str:
        """An answer as the CLI prints it, whole; a text is an error's code."""
        if operation == "LookupEvents":
            return {"Events": list(self._looked_up(asked))}
        if operation == "GetMetricData":
            return {"MetricDataResults": self._metrics(asked)}
        if operation == "DescribeWarmPool":
            group = quote(asked["AutoScalingGroupName"], safe="")
            return self.named.get(f"describe-warm-pool.{group}", {"Instances": []})
        if operation in _OF_ONE:
            dump, key = _OF_ONE[operation]
            name = self._name(asked.get("LoadBalancerArn") or asked["TargetGroupArn"])
            return self.named.get(f"describe-{dump}.{name}", {key: []})
        key = _LISTS[operation]
        found = [row for row in self.lists.get(key, []) if _fits(operation, row, asked)]
        if operation == "DescribeLoadBalancers" and asked.get("Names") and not found:
            return "LoadBalancerNotFound"
        if operation == "DescribeScalingActivities":
            found.sort(key=lambda row: str(row["StartTime"]), reverse=True)
        return {key: found}

    def _name(self, arn: str) -> str:
        rows = [*self.lists.get("LoadBalancers", []), *self.lists.get("TargetGroups", [])]
        return next(
            str(row.get("LoadBalancerName") or row.get("TargetGroupName"))
            for row in rows
            if arn in {row.get("LoadBalancerArn"), row.get("TargetGroupArn")}
        )

    def _looked_up(self, asked: Json) -> Iterator[Json]:
        """Records newest first, each as the event history wraps it."""
        (wanted,) = asked["LookupAttributes"]
        by_name = wanted["AttributeKey"] == "EventName"
        any_write = wanted["AttributeKey"] == "ReadOnly"
        since, until = read_instant(asked["StartTime"]), read_instant(asked["EndTime"])
        for record in sorted(self.records, key=lambda one: str(one["eventTime"]), reverse=True):
            at = read_instant(record["eventTime"])
            is_wanted = (
                record["eventName"] == wanted["AttributeValue"]
                if by_name
                else any_write or wanted["AttributeValue"] in json.dumps(record)
            )
            if is_wanted and since <= at <= until:
                yield {
                    "EventId": record["eventID"],
                    "EventName": record["eventName"],
                    "EventTime": record["eventTime"],
                    "EventSource": record["eventSource"],
                    "CloudTrailEvent": json.dumps(record),
                }

    def _metrics(self, asked: Json) -> list[Json]:
        """Results by label: a query without one gets no points."""
        known = {
            one["Label"]: one for one in self.named.get("get-metric-data", {}).get("MetricDataResults", [])
        }
        return [
            {
                "Id": query["Id"],
                "Label": query["Label"],
                "Timestamps": known.get(query["Label"], {}).get("Timestamps", []),
                "Values": known.get(query["Label"], {}).get("Values", []),
                "StatusCode": "Complete",
            }
            for query in asked["MetricDataQueries"]
        ]


def _fits(operation: str, row: Json, asked: Json) -> bool:
    """Whether a row is among those asked for."""
    filters = {one["Name"]: one["Values"] for one in asked.get("Filters", [])}
    if operation == "DescribeScalingActivities":
        lower, upper = (filters.get(f"StartTime{which}Bound") for which in ("Lower", "Upper"))
        started_at = read_instant(row["StartTime"])
        after = not lower or read_instant(lower[0]) <= started_at
        return after and (not upper or started_at <= read_instant(upper[0]))
    if operation == "DescribeInstances":
        return any(_instance_fits(one, filters) for one in row["Instances"])
    status = row.get("Status")
    code = status.get("Code") if isinstance(status, dict) else None
    values = {"vpc-id": row.get("VpcId"), "status-code": code}
    named = {
        "Names": row.get("LoadBalancerName"),
        "AutoScalingGroupName": row.get("AutoScalingGroupName"),
        "LoadBalancerArn": row.get("LoadBalancerArns") or row.get("LoadBalancerArn"),
    }
    return all(values[name] in wanted for name, wanted in filters.items()) and all(
        _meets(value or [], asked[name]) for name, value in named.items() if name in asked
    )


def _meets(value: str | list[str], wanted: str | list[str]) -> bool:
    """One value or several, on either side."""
    values, wanteds = (one if isinstance(one, list) else [one] for one in (value, wanted))
    return not set(values).isdisjoint(wanteds)


def _instance_fits(instance: Json, filters: dict[str, list[str]]) -> bool:
    values = {"vpc-id": instance.get("VpcId"), "instance-state-name": instance["State"]["Name"]}
    return all(values[name] in wanted for name, wanted in filters.items())
