"""A cluster with a unique secret in every place that workloads, people and tools fill; and AWS beside it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.aws_replay import Replay
from tests.support.kubernetes_objects import endpoint_slice, event, node, pod, service
from tests.support.kubernetes_server import FakeCluster
from tests.support.secrets import PASSED_OVER, TOLD, record_of

Value = dict[str, Any]

OF_WORKLOADS = {
    "environment": "tokenW0201",
    "environment of an init container": "tokenW0202",
    "argument": "tokenW0203",
    "command": "tokenW0204",
    "header of a probe": "tokenW0205",
    "command of a probe": "tokenW0206",
    "command of a hook": "tokenW0207",
    "last words of a container": "tokenW0208",
    "name of a secret": "tokenW0209",
    "pull secret": "tokenW0210",
    "argument beside a keep-alive": "tokenW0211",
    "environment beside a keep-alive": "tokenW0212",
    "argument of a shell": "tokenW0213",
    **{
        f"last applied {kind}": f"tokenA02{number}"
        for number, kind in enumerate(("pod", "service", "node", "event", "slice"), start=20)
    },
}
"""What objects keep secret: nowhere, be a store redacted or not."""

OF_PEOPLE = {
    "owner in an annotation": "tokenO0231@example.com",
    "session in an event": "tokenO0232",
    "mail in an event": "tokenO0233@example.com",
    "CloudTrail session": TOLD["CloudTrail session"],
}
"""What only redaction leaves out."""

IN_USE = {
    "secret key": "tokenU0241aaaabbbbccccdddd",
    "session token": "tokenU0242aaaabbbbccccdddd",
    "token of the kubeconfig": "tokenU0243",
    "key of redaction": "tokenU0244-the-key-itself",
}
"""Credentials that the program works with."""

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def secret_pod(name: str) -> Value:
    """A pod that hides something everywhere."""
    s = OF_WORKLOADS
    value = pod(name)
    spec, (status,) = value["spec"], value["status"]["containerStatuses"]
    _applied(value, "pod")
    status["lastState"]["terminated"]["message"] = s["last words of a container"]
    spec["volumes"] = [{"name": "ca", "secret": {"secretName": s["name of a secret"]}}]
    spec["imagePullSecrets"] = [{"name": s["pull secret"]}]
    own = {"name": "DB_PASSWORD", "value": s["environment of an init container"]}
    spec["initContainers"] = [{"name": "init", "env": [own]}]
    (web,) = spec["containers"]
    web |= {
        "command": ["uvicorn", s["command"]],
        "args": ["--timeout-keep-alive", "5", f"--token={s['argument']}", s["argument beside a keep-alive"]],
        "env": [
            {"name": "DB_PASSWORD", "value": s["environment"]},
            {
                "name": "GUNICORN_CMD_ARGS",
                "value": f"--keep-alive=5 -e KEY={s['environment beside a keep-alive']}",
            },
        ],
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", s["command of a hook"]]}}},
        "livenessProbe": {"exec": {"command": [s["command of a probe"]]}},
    }
    web["readinessProbe"]["httpGet"]["httpHeaders"][0]["value"] = s["header of a probe"]
    told = f"gunicorn --keep-alive 5 --env KEY={s['argument of a shell']} app"
    spec["containers"].append({"name": "beside", "command": ["sh", "-c", told]})
    return value


def secret_cluster() -> FakeCluster:
    """One object of each kind."""
    cluster = FakeCluster(token=IN_USE["token of the kubeconfig"])
    cluster.put("pods", secret_pod("web-1"))
    cluster.put("nodes", _applied(node("node-1"), "node"))
    cluster.put("events", _applied(_told_by_a_person(), "event"))
    owned = _applied(service(), "service")
    tags = "service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags"
    owned["metadata"]["annotations"][tags] = f"owner={OF_PEOPLE['owner in an annotation']}"
    cluster.put("services", owned)
    cluster.put("endpointslices", _applied(endpoint_slice(), "slice"))
    return cluster


def _told_by_a_person() -> Value:
    who = f"arn:aws:sts::111122223333:assumed-role/Admin/{OF_PEOPLE['session in an event']}"
    told = event("web-1.18a1")
    told["message"] = f"AccessDenied: User: {who} may not; ask {OF_PEOPLE['mail in an event']}"
    return told


def _applied(value: Value, kind: str) -> Value:
    value["metadata"].setdefault("annotations", {})[_APPLIED] = json.dumps(
        {"spec": {"password": OF_WORKLOADS[f"last applied {kind}"]}}
    )
    return value


def tell_cloudtrail(aws: Replay) -> None:
    """A call of a person an hour ago, in the event history."""
    record = record_of("DeregisterTargets", "assumed-role/Admin/" + TOLD["CloudTrail session"], 77)
    record["eventTime"] = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    record["sourceIPAddress"] = PASSED_OVER["CloudTrail address"]
    aws.dumps.records.append(record)
