"""EKS audit logs as a subscription of CloudWatch Logs delivers them through Amazon Data Firehose."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

ACCOUNT, REGION = "111122223333", "eu-west-1"
MINUTE = timedelta(minutes=1)


def report(at: datetime, region: str | None = REGION) -> dict[str, Any]:
    """A kubelet's report of its node."""
    node = f"ip-10-0-3-21.{region}.compute.internal" if region else "i-0123456789abcdef0"
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "auditID": f"report-{at.isoformat()}",
        "stage": "ResponseComplete",
        "verb": "get",
        "user": {"username": f"system:node:{node}"},
        "objectRef": {"resource": "leases", "name": node},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": f"{at:%Y-%m-%dT%H:%M:%S}.401233Z",
    }


def deletion(at: datetime, pod: str, user: str = "jane@example.com") -> dict[str, Any]:
    """Somebody deletes a pod."""
    return report(at) | {
        "auditID": f"deletion-{pod}",
        "verb": "delete",
        "user": {"username": user},
        "sourceIPs": ["198.51.100.77"],
        "objectRef": {"resource": "pods", "namespace": "shop", "name": pod},
    }


def envelope(events: Sequence[dict[str, Any]], owner: str = ACCOUNT) -> dict[str, Any]:
    """What CloudWatch Logs hands to a stream."""
    logged = [{"id": str(number), "message": json.dumps(one)} for number, one in enumerate(events)]
    about = {"logGroup": "/aws/eks/shop/cluster", "logStream": "kube-apiserver-audit-0f3a"}
    return {"messageType": "DATA_MESSAGE", "owner": owner, **about, "logEvents": logged}


def packed(*envelopes: dict[str, Any]) -> bytes:
    """A gzip member each, one behind the other."""
    return b"".join(gzip.compress(json.dumps(one).encode(), mtime=0) for one in envelopes)


@dataclass(frozen=True)
class Delivery:
    """One object.

    Attributes:
        at: when its oldest record arrived.
        body: what is in it.
        stream: name of the stream.
    """

    at: datetime
    body: bytes
    stream: str = "audit"

    @property
    def name(self) -> str:
        """The key's last part."""
        uuid = f"0f3a0f3a-0000-4000-8000-{int(self.at.timestamp()):012d}"
        return f"{self.stream}-1-{self.at:%Y-%m-%d-%H-%M-%S}-{uuid}"

    @property
    def key(self) -> str:
        """The key, without the stream's prefix."""
        return f"{self.at:%Y/%m/%d/%H}/{self.name}"


def deliveries(
    since: datetime, until: datetime, region: str | None = REGION, owner: str = ACCOUNT
) -> list[Delivery]:
    """An object every five minutes, with a report a minute."""
    found, at = [], since
    while at < until:
        reports = [report(at + number * MINUTE, region) for number in range(5)]
        found.append(Delivery(at, packed(envelope(reports[:2], owner), envelope(reports[2:], owner))))
        at += 5 * MINUTE
    return found
