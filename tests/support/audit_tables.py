"""The few tables that audit rules read, with one target group, one node group and one setting to turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pyarrow as pa

from pipeline.engine.duckdb import Engine
from pipeline.model import ATTRIBUTIONS, KEEPALIVE_ESTIMATES, LIFETIMES, REQUESTS, SETTINGS
from tests.support.incident import FIRST, table

GROUP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web-30080/943f017f100becff"
BALANCER = "app/shop/50dc6c495c0c9188"
ADDRESS = "10.0.1.20"
MINUTE = int(FIRST.timestamp()) // 60

Row = dict[str, Any]

_TARGET_GROUP: Mapping[str, Any] = {
    "target_group_arn": GROUP,
    "requests": 10_000,
    "targets": 6,
    "target_type": "instance",
    "deregistration_delay_s": 300.0,
    "health_check_interval_s": 10.0,
    "unhealthy_threshold": 2.0,
    "protocol_version": "HTTP1",
}


@dataclass
class AuditTables:
    """Healthy settings; a test spoils one."""

    group: Row = field(default_factory=dict)
    scoped: dict[str, str] = field(default_factory=dict)
    of_balancer: dict[str, str] = field(default_factory=dict)
    settings: list[Row] = field(default_factory=list)
    lifetimes: list[Row] = field(default_factory=list)
    attributions: list[Row] = field(default_factory=list)
    answers_s: Sequence[float] = ()
    service_ports: list[Row] = field(default_factory=list)
    keepalive: list[Row] = field(default_factory=list)

    def set(self, resource: str, setting: str, value: str) -> None:
        """Add one row of `settings`."""
        row = {"resource": resource, "setting": setting, "value": value, "source": "test"}
        self.settings.append(row)

    def verdict(self, cause: str, **columns: object) -> None:
        """Add one error of the group."""
        number = len(self.attributions) + 1
        row = {"request_id": f"{number:016x}", "time": FIRST, "elb_status_code": 502, "cause": cause}
        row |= {"failure_class": "closed_at_once", "confidence": 0.9, "evidence": "e", "remedy": "r"}
        row |= {"object_key": "k", "line_number": 1, "tool_version": "v", "causes_hash": "h"}
        row |= {"is_provisional": False}
        self.attributions.append({**row, "target_group_arn": GROUP, **columns})

    def node(self, number: int, *, left: bool = False, graceful: bool = False) -> None:
        """Add a node of the group bulk."""
        row: Row = {"lifetime_id": f"node {number}", "kind": "node", "private_ip": f"10.0.1.{20 + number}"}
        row |= {"node_name": f"node-{number}", "node_group": "bulk", "asg_name": "bulk"}
        if left:
            row |= {"left_at": FIRST + timedelta(hours=1), "left_known_by": "cloudtrail"}
            row |= {"is_graceful": graceful, "left_event_id": f"event {number}", "left_reason": "scale_in"}
        self.lifetimes.append(row)

    def attach(self, engine: Engine) -> None:
        """Make the tables readable."""
        engine.attach("attributions", table(ATTRIBUTIONS, self.attributions))
        engine.attach("lifetimes", table(LIFETIMES, self.lifetimes))
        engine.attach("settings", table(SETTINGS, self.settings))
        engine.attach("keepalive_estimates", table(KEEPALIVE_ESTIMATES, self.keepalive))
        engine.attach("target_groups", pa.Table.from_pylist([{**_TARGET_GROUP, **self.group}]))
        engine.attach("scoped_settings", _scoped({GROUP: self.scoped, BALANCER: self.of_balancer}))
        engine.attach("pair_minutes", _minutes())
        engine.attach("service_ports", pa.Table.from_pylist(self.service_ports, schema=_SERVICE_PORTS))
        engine.attach("requests", table(REQUESTS, [_answer(took) for took in self.answers_s]))


_SERVICE_COLUMNS: dict[str, pa.DataType] = {"service": pa.string(), "node_port": pa.int32()}
_SERVICE_PORTS = pa.schema(_SERVICE_COLUMNS)
_SCOPED_COLUMNS: dict[str, pa.DataType] = {
    "scope": pa.string(),
    "setting": pa.string(),
    "value": pa.string(),
    "valid_from": pa.timestamp("us", tz="UTC"),
    "valid_to": pa.timestamp("us", tz="UTC"),
}


def _scoped(values: Mapping[str, Mapping[str, str]]) -> pa.Table:
    always = {"valid_from": FIRST.replace(year=1970), "valid_to": FIRST.replace(year=2200)}
    rows = [
        {"scope": scope, "setting": name, "value": value, **always}
        for scope, settings in values.items()
        for name, value in settings.items()
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(_SCOPED_COLUMNS))


def _minutes() -> pa.Table:
    rows = [
        {
            "minute": MINUTE + number,
            "elb": BALANCER,
            "target_group_arn": GROUP,
            "target_ip": ADDRESS,
            "target_port": 30080,
            "requests": 1000,
        }
        for number in range(10)
    ]
    return pa.Table.from_pylist(rows)


def _answer(took: float) -> Row:
    return {
        "type": "https",
        "time": FIRST,
        "target_group_arn": GROUP,
        "target_processing_time": took,
        "object_key": "k",
        "line_number": 1,
    }
