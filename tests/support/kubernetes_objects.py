"""Objects of a small cluster with everything in them that must not be written down."""

from typing import Any

from tests.support.kubernetes_server import FakeCluster

Value = dict[str, Any]
SECRETS = ("hunter2", "s3cr3t-header", "--password=x", "applied-before", "last words", "ca-bundle")
"""Texts that no file may hold."""


def pod(name: str, **status: object) -> Value:
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {"app": "web"},
            "creationTimestamp": "2026-03-02T08:00:00Z",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "applied-before"},
            "managedFields": [
                {
                    "manager": "kubelet",
                    "operation": "Update",
                    "time": "2026-03-02T08:00:09Z",
                    "fieldsV1": {"f:status": {}},
                }
            ],
        },
        "spec": {
            "nodeName": "ip-10-0-2-14.eu-west-1.compute.internal",
            "terminationGracePeriodSeconds": 60,
            "volumes": [{"name": "ca", "secret": {"secretName": "ca-bundle"}}],
            "containers": [
                {
                    "name": "web",
                    "env": [{"name": "DB", "value": "hunter2"}],
                    "args": ["--password=x"],
                    "ports": [{"containerPort": 8080}],
                    "readinessProbe": {
                        "httpGet": {
                            "path": "/healthz",
                            "port": 8080,
                            "httpHeaders": [{"name": "Authorization", "value": "s3cr3t-header"}],
                        }
                    },
                }
            ],
        },
        "status": {
            "podIP": "10.0.2.77",
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-03-02T08:00:01Z"},
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-02T08:00:12Z"},
            ],
            "containerStatuses": [
                {
                    "name": "web",
                    "restartCount": 1,
                    "state": {"running": {"startedAt": "2026-03-02T09:12:44Z"}},
                    "lastState": {
                        "terminated": {
                            "reason": "OOMKilled",
                            "exitCode": 137,
                            "message": "last words",
                            "startedAt": "2026-03-02T08:00:05Z",
                            "finishedAt": "2026-03-02T09:12:40Z",
                        }
                    },
                }
            ],
            **status,
        },
    }


def node(name: str) -> Value:
    return {
        "metadata": {"name": name, "creationTimestamp": "2026-03-02T07:21:02Z", "labels": {"role": "bulk"}},
        "spec": {"providerID": "aws:///eu-west-1b/i-0c2f6a11e3b5d7f92"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "10.0.3.44"}],
            "images": [{"names": ["bulk"]}],
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "lastHeartbeatTime": "2026-03-02T09:20:00Z",
                    "lastTransitionTime": "2026-03-02T07:21:33Z",
                }
            ],
        },
    }


def event(name: str, reason: str = "Killing", at: str = "2026-03-02T11:30:00Z") -> Value:
    return {
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": at},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "uid-shop-web-1"},
        "reason": reason,
        "message": "Stopping container web",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "type": "Normal",
    }


def service(name: str = "web") -> Value:
    return {
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-03-01T08:00:00Z"},
        "spec": {
            "type": "NodePort",
            "selector": {"app": "web"},
            "ports": [{"port": 80, "targetPort": 8080, "nodePort": 30080}],
        },
    }


def endpoint_slice(name: str = "web-abcde") -> Value:
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": "web"},
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "2026-03-02T11:30:00Z"},
        },
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": ["10.0.2.77"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": "web-1", "namespace": "shop", "uid": "uid-shop-web-1"},
            }
        ],
    }


def small_cluster(**faults: Any) -> FakeCluster:  # noqa: ANN401 - the fields of FakeCluster
    """Three pods, two nodes, an event, a service and its endpoints."""
    cluster = FakeCluster(**faults)
    for number in (1, 2, 3):
        cluster.put("pods", pod(f"web-{number}"))
    for number in (1, 2):
        cluster.put("nodes", node(f"node-{number}"))
    cluster.put("events", event("web-1.18a1"))
    cluster.put("services", service())
    cluster.put("endpointslices", endpoint_slice())
    return cluster


def stir(cluster: FakeCluster) -> None:
    """Changes of every kind."""
    cluster.put("pods", pod("web-4"))
    cluster.put("pods", pod("web-1", phase="Failed"))
    cluster.delete("pods", "web-2", "shop")
    cluster.put("nodes", node("node-3"))
    cluster.delete("nodes", "node-1")
    cluster.put("events", event("web-2.18a2", "Unhealthy", "2026-03-02T11:31:00Z"))
    cluster.put("endpointslices", endpoint_slice())
