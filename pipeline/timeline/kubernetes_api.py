"""The Kubernetes API: which resources are asked for, and requests whose answers stay raw JSON.

The official client brings configuration (kubeconfig, in-cluster), credentials and TLS. Its model classes are
not used: an answer is read as bytes, so that a page, not a cluster, is the most that is ever in memory.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pipeline import __version__
from pipeline.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient
    from urllib3 import BaseHTTPResponse

VERBS = ("list", "watch")
"""All that is ever done; docs/kubernetes.md grants exactly this."""

FORBIDDEN, NOT_FOUND, GONE, UNAUTHORIZED = 403, 404, 410, 401
CONNECT_S, ANSWER_S = 10.0, 60.0
MOST_PAGE_BYTES = 256 << 20
_CHUNK = 1 << 16
_CONNECTIONS = 16
_MOST_REASON = 300


@dataclass(frozen=True)
class Resource:
    """One resource of the API.

    Attributes:
        plural: its name in paths, e.g. ``pods``.
        kind: of one object.
        api_version: ``v1`` or ``group/version``.
        is_optional: a cluster may lack it: that is no problem.
    """

    plural: str
    kind: str
    api_version: str = "v1"
    is_optional: bool = False

    @property
    def group(self) -> str:
        """The API group, empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def name(self) -> str:
        """As people and RBAC messages name it: ``endpointslices.discovery.k8s.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def path(self) -> str:
        """Path of the list over all namespaces."""
        return f"/{'apis' if self.group else 'api'}/{self.api_version}/{self.plural}"


RESOURCES = (
    Resource("pods", "Pod"),
    Resource("nodes", "Node"),
    Resource("events", "Event"),
    Resource("services", "Service"),
    Resource("endpointslices", "EndpointSlice", "discovery.k8s.io/v1"),
    Resource("targetgroupbindings", "TargetGroupBinding", "elbv2.k8s.aws/v1beta1", is_optional=True),
)


class ApiRefusedError(SourceError):
    """The API server said no, or nothing.

    Attributes:
        status: HTTP status; 0 when there was no answer.
    """

    def __init__(self, verb: str, resource: Resource, status: int, reason: str) -> None:
        """Name the verb and the resource as RBAC does."""
        super().__init__(f"{verb} {resource.name}: {_sentence(status, reason)}")
        self.status = status


def _sentence(status: int, reason: str) -> str:
    if status == FORBIDDEN:
        return f"forbidden; docs/kubernetes.md has the ClusterRole ({reason})"
    if status == UNAUTHORIZED:
        return f"the API server does not accept the credentials ({reason})"
    return f"{status or 'no answer'} ({reason})"


class Cluster:
    """One API server, shared by threads."""

    def __init__(self, context: str | None = None) -> None:
        """Read the configuration: a kubeconfig where there is one, else that of the pod this runs in.

        Args:
            context: context of the kubeconfig; None: its current one.

        Raises:
            ConfigError: the kubernetes package is missing, or there is no configuration that can be used.
        """
        self._context = context
        self._lock = threading.Lock()
        self._client = _connect(context)

    @property
    def host(self) -> str:
        """The server's URL."""
        return str(self._client.configuration.host)

    @property
    def fingerprint(self) -> str:
        """Tells one cluster from another without telling its address."""
        return blake2b(self.host.encode(), digest_size=6).hexdigest()

    def page(self, resource: Resource, limit: int, token: str | None = None) -> dict[str, Any]:
        """One page of a list.

        Raises:
            ApiRefusedError: refused, not reached, or no list.
        """
        query = {"limit": str(limit)} | ({"continue": token} if token else {})
        response = self._get("list", resource, query, ANSWER_S)
        try:
            body = b"".join(_bounded(response))
            page = json.loads(body)
        except Exception as problem:
            raise ApiRefusedError("list", resource, 0, _reason(problem)) from problem
        finally:
            response.close()
        if not isinstance(page, dict) or not isinstance(page.get("items", []), list | None):
            raise ApiRefusedError("list", resource, 0, "the answer is no list")
        return page

    def watch(self, resource: Resource, version: str, timeout_s: int) -> "BaseHTTPResponse":
        """An open watch that the server ends after ``timeout_s``; its lines come from `lines`.

        Raises:
            ApiRefusedError: refused or not reached.
        """
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(timeout_s),
        }
        return self._get("watch", resource, query, timeout_s + CONNECT_S)

    def _get(
        self, verb: str, resource: Resource, query: dict[str, str], timeout_s: float
    ) -> "BaseHTTPResponse":
        client = self._client
        url = f"{client.configuration.host}{resource.path}?{urlencode(query)}"
        headers = {"Accept": "application/json", "User-Agent": f"forensics/{__version__}"}
        if verb == "list":
            headers["Accept-Encoding"] = "gzip"  # a compressed watch would be held back
        try:
            with self._lock:  # the hook that renews a token is not made for threads
                client.update_params_for_auth(headers, [], ["BearerToken"], resource.path, "GET", None)
            timeouts = (CONNECT_S, timeout_s)
            answer: BaseHTTPResponse = client.call_api(
                "GET", url, headers, _request_timeout=timeouts
            ).response
        except Exception as problem:
            raise ApiRefusedError(verb, resource, 0, _reason(problem)) from problem
        if answer.status == 200:  # noqa: PLR2004 - HTTP: OK
            return answer
        reason = _told(answer)
        if answer.status == UNAUTHORIZED:
            self._renew(client)
        raise ApiRefusedError(verb, resource, answer.status, reason)

    def _renew(self, stale: "ApiClient") -> None:
        """Read the configuration again: a token may have been replaced in its file, or by its plugin."""
        with self._lock, suppress(ConfigError):
            if self._client is stale:
                self._client = _connect(self._context)


def lines(response: "BaseHTTPResponse") -> Iterator[list[bytes]]:
    """The whole lines of a watch, as many at a time as have arrived; half a last line is left out.

    Raises:
        ValueError: one line is longer than any object can be.
    """
    rest = b""
    for chunk in response.stream(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > MOST_PAGE_BYTES:
            raise ValueError(f"a watch line of more than {MOST_PAGE_BYTES} bytes")
        yield [line for line in whole if line]


def _connect(context: str | None) -> "ApiClient":
    try:
        # A tenth of the command's start, and 75 MB that only this needs: an extra, imported when asked for.
        from kubernetes import client, config  # noqa: PLC0415 - as above
    except ImportError as problem:
        raise ConfigError(
            "the Kubernetes client is not installed: pip install 'forensics[kubernetes]'"
        ) from problem
    configuration = client.Configuration()
    configuration.retries = False
    configuration.keep_alive = True
    configuration.connection_pool_maxsize = _CONNECTIONS
    try:
        files = _kubeconfig().split(os.pathsep)
        if (
            context is None
            and not any(Path(one).exists() for one in files)
            and "KUBERNETES_SERVICE_HOST" in os.environ
        ):
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # it has no types
        else:
            config.load_kube_config(_kubeconfig(), context, configuration)  # type: ignore[no-untyped-call]  # it has no types
    except Exception as problem:
        what = f"context {context}" if context else "kubeconfig (KUBECONFIG or ~/.kube/config)"
        raise ConfigError(f"Kubernetes: {what} cannot be used: {_reason(problem)}") from problem
    return client.ApiClient(configuration)


def _kubeconfig() -> str:
    """Files of the kubeconfig, as kubectl finds them: the client itself looks only once per process."""
    return os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())


def _bounded(response: "BaseHTTPResponse") -> Iterator[bytes]:
    total = 0
    for chunk in response.stream(_CHUNK):
        total += len(chunk)
        if total > MOST_PAGE_BYTES:
            raise ValueError(f"a page of more than {MOST_PAGE_BYTES} bytes")
        yield chunk


def _told(answer: "BaseHTTPResponse") -> str:
    """What a refusal says: the message of its Status object, else the reason phrase."""
    try:
        body = answer.read(_CHUNK)
        message = json.loads(body).get("message")
    except Exception:  # noqa: BLE001 - a refusal that cannot be read is still a refusal
        message = None
    finally:
        answer.close()
    return str(message or answer.reason)[:_MOST_REASON]


def _reason(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"[:_MOST_REASON]
