"""Elastic Load Balancing: what is in front of which targets, with which settings.

Reads ``describe-load-balancers``, ``describe-listeners``, ``describe-target-groups``,
``describe-target-health`` and both attribute dumps. The last three do not name their resource: the file
name does (``describe-target-health.<target group>.json``), or a wrapper (``{"TargetGroupArn": …,
"TargetHealthDescriptions": […]}``); without either they hold for all. Rows name such a resource
``load-balancer/<name>``, ``target-group/<name>`` or ``…/*``; `settings.settle` puts the ARN in. Target
health has no times and no history: it is a setting at the time of the file, not an event.
"""

from collections.abc import Iterator

from pipeline.timeline.base import Document, Findings
from pipeline.timeline.elbv2_fetch import fetch
from pipeline.timeline.names import named_resource
from pipeline.timeline.shapes import Record, mapping, objects, records, text, texts

__all__ = ["NAME", "fetch", "parse", "reads"]

NAME = "elbv2"

DEFAULT = "elbv2 default"
"""Source of a value that the dump left out and the API documents."""

LOAD_BALANCER_DEFAULTS = {
    "idle_timeout.timeout_seconds": "60",
    "client_keep_alive.seconds": "3600",
    "access_logs.s3.enabled": "false",
    "connection_logs.s3.enabled": "false",
    "health_check_logs.s3.enabled": "false",
    "routing.http2.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
TARGET_GROUP_DEFAULTS = {
    "deregistration_delay.timeout_seconds": "300",
    "slow_start.duration_seconds": "0",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "stickiness.enabled": "false",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}

_LOAD_BALANCER_KEYS = (
    "idle_timeout.",
    "client_keep_alive.",
    "access_logs.",
    "connection_logs.",
    "health_check_logs.",
    "routing.",
    "waf.",
    "zonal_shift.",
    "deletion_protection.",
    "connection.",
    "ipv6.",
)
_SHARED_KEY = "load_balancing.cross_zone.enabled"

_LOAD_BALANCER_FIELDS = {
    "name": "LoadBalancerName",
    "vpc_id": "VpcId",
    "type": "Type",
    "scheme": "Scheme",
    "dns_name": "DNSName",
    "created_at": "CreatedTime",
}
TARGET_GROUP_FIELDS = {
    "name": "TargetGroupName",
    "vpc_id": "VpcId",
    "target_type": "TargetType",
    "port": "Port",
    "protocol": "Protocol",
    "protocol_version": "ProtocolVersion",
    "health_check.enabled": "HealthCheckEnabled",
    "health_check.protocol": "HealthCheckProtocol",
    "health_check.port": "HealthCheckPort",
    "health_check.path": "HealthCheckPath",
    "health_check.interval_seconds": "HealthCheckIntervalSeconds",
    "health_check.timeout_seconds": "HealthCheckTimeoutSeconds",
    "health_check.healthy_threshold": "HealthyThresholdCount",
    "health_check.unhealthy_threshold": "UnhealthyThresholdCount",
}
"""Settings of a target group and the API's fields that hold them."""


def reads(document: Document) -> bool:
    """Whether the document is one of the dumps above."""
    return any(key in document.value for key in _PARSERS)


def parse(document: Document, findings: Findings) -> None:
    """Add settings, and coverage at the file's time (a snapshot says no more)."""
    for key, parser in _PARSERS.items():
        if isinstance(document.value.get(key), list):
            parser(document, findings)
        elif key in document.value:
            findings.problem(document.ref, f"{key} is no list")


def _load_balancers(document: Document, findings: Findings) -> None:
    for ref, balancer in records(document, "LoadBalancers", findings):
        arn = text(balancer, "LoadBalancerArn")
        if arn is None:
            findings.problem(ref, "load balancer without LoadBalancerArn")
            continue
        _fields(document, findings, arn, balancer, _LOAD_BALANCER_FIELDS)
        groups = ",".join(sorted(texts(balancer, "SecurityGroups")))
        if groups:
            _setting(document, findings, arn, "security_groups", groups)
    findings.covered("load_balancers", document.read_at, document.read_at, document.ref)


def _listeners(document: Document, findings: Findings) -> None:
    """What a load balancer listens on, and where each port leads when no rule says otherwise."""
    for ref, listener in records(document, "Listeners", findings):
        arn, port = text(listener, "LoadBalancerArn"), text(listener, "Port")
        if arn is None or port is None:
            findings.problem(ref, "listener without LoadBalancerArn or Port")
            continue
        actions = objects(listener, "DefaultActions")
        groups = {text(action, "TargetGroupArn") for action in actions} | {
            text(group, "TargetGroupArn")
            for action in actions
            for group in objects(action, "ForwardConfig", "TargetGroups")
        }
        values = {
            "protocol": text(listener, "Protocol"),
            "ssl_policy": text(listener, "SslPolicy"),
            "default_target_group_arns": ",".join(sorted(group for group in groups if group)),
        }
        for setting, value in values.items():
            if value:
                _setting(document, findings, arn, f"listener.{port}.{setting}", value)


def _target_groups(document: Document, findings: Findings) -> None:
    for ref, group in records(document, "TargetGroups", findings):
        arn = text(group, "TargetGroupArn")
        if arn is None:
            findings.problem(ref, "target group without TargetGroupArn")
            continue
        _fields(document, findings, arn, group, TARGET_GROUP_FIELDS)
        matcher = text(group, "Matcher", "HttpCode") or text(group, "Matcher", "GrpcCode")
        if matcher:
            _setting(document, findings, arn, "health_check.matcher", matcher)
        balancers = ",".join(sorted(texts(group, "LoadBalancerArns")))
        if balancers:
            _setting(document, findings, arn, "load_balancer_arn", balancers)
    findings.covered("target_groups", document.read_at, document.read_at, document.ref)


def _fields(document: Document, findings: Findings, arn: str, record: Record, fields: dict[str, str]) -> None:
    for setting, key in fields.items():
        value = text(record, key)
        if value is not None:
            _setting(document, findings, arn, setting, value)


def _target_health(document: Document, findings: Findings) -> None:
    resource = _target_group(document, "target-health")
    for ref, entry in records(document, "TargetHealthDescriptions", findings):
        target, health = mapping(entry, "Target"), mapping(entry, "TargetHealth")
        state = text(health, "State")
        if text(target, "Id") is None or state is None:
            findings.problem(ref, "target without Id or State")
            continue
        zone, identity = text(target, "AvailabilityZone"), text(target, "Id") or ""
        if zone is not None and zone != "all":
            place = f"instance/{identity}" if identity.startswith("i-") else f"address/{identity}"
            findings.setting(place, "availability_zone", zone, source=NAME)
        reason = text(health, "Reason")
        findings.setting(
            resource,
            f"target_health.{text(target, 'Id')}:{text(target, 'Port') or '-'}",
            f"{state} ({reason})" if reason else state,
            source=NAME,
            valid_from=document.read_at,
            valid_to=document.read_at,
        )
    findings.covered("target_health", document.read_at, document.read_at, document.ref)


def _attributes(document: Document, findings: Findings) -> None:
    """Values by the kind of resource that their keys belong to, and the defaults of those left out."""
    values = dict(_attribute_values(document, findings))
    of_group = {key for key in values if key != _SHARED_KEY and not key.startswith(_LOAD_BALANCER_KEYS)}
    of_balancer = values.keys() - of_group - {_SHARED_KEY}
    if _SHARED_KEY in values:
        (of_balancer if of_balancer or not of_group else of_group).add(_SHARED_KEY)
    kinds = (
        (_load_balancer(document), of_balancer, LOAD_BALANCER_DEFAULTS),
        (_target_group(document, "target-group-attributes"), of_group, TARGET_GROUP_DEFAULTS),
    )
    for resource, keys, defaults in kinds:
        for key in sorted(keys):
            _setting(document, findings, resource, key, values[key])
        for key in sorted(defaults.keys() - keys) if keys else ():
            findings.setting(resource, key, defaults[key], source=DEFAULT, read_at=document.read_at)


def _attribute_values(document: Document, findings: Findings) -> Iterator[tuple[str, str]]:
    for ref, entry in records(document, "Attributes", findings):
        key, value = text(entry, "Key"), entry.get("Value")
        if key is None:
            findings.problem(ref, "attribute without Key")
        elif isinstance(value, str | int | float):
            yield key, text(entry, "Value") or ""


def _load_balancer(document: Document) -> str:
    arn = text(document.value, "LoadBalancerArn")
    return arn or f"load-balancer/{named_resource(document, 'load-balancer-attributes') or '*'}"


def _target_group(document: Document, dump: str) -> str:
    arn = text(document.value, "TargetGroupArn")
    return arn or f"target-group/{named_resource(document, dump) or '*'}"


def _setting(document: Document, findings: Findings, resource: str, setting: str, value: str) -> None:
    findings.setting(resource, setting, value, source=NAME, read_at=document.read_at)


_PARSERS = {
    "LoadBalancers": _load_balancers,
    "Listeners": _listeners,
    "TargetGroups": _target_groups,
    "TargetHealthDescriptions": _target_health,
    "Attributes": _attributes,
}
