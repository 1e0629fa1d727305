"""A Kubernetes API server on loopback, as far as lists and watches go, with the faults of a real one.

Lists come in pages (``limit``/``continue``) and gzip; watches are chunked, resume at a resourceVersion,
send bookmarks, and answer 410 Gone once history was compacted. It serves kubectl and client alike.
"""

import gzip
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipeline.timeline.kubernetes_api import RESOURCES, Resource
from tests.support.loopback import serving

Value = dict[str, Any]
BY_PLURAL = {resource.plural: resource for resource in RESOURCES}
NAMESPACED = {"pods", "events", "services", "endpointslices", "targetgroupbindings"}


@dataclass(frozen=True)
class Asked:
    """One request for a resource."""

    verb: str
    group: str
    plural: str
    query: dict[str, str]


@dataclass
class FakeCluster:
    """What the server holds, and how it misbehaves.

    Attributes:
        forbidden: plurals that answer 403.
        absent: plurals that are not installed: 404.
        expired_continues: so many continue tokens are answered with 410.
        bookmark_s: seconds between bookmarks of a watch.
        piece: bytes written at a time, with a pause after each; 0: as they are.
        repeats: a watch that resumes is told the change at its version once more.
        longest_watch_s: the server ends watches early.
        token: what the kubeconfig identifies itself with.
    """

    forbidden: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=lambda: {"targetgroupbindings"})
    expired_continues: int = 0
    bookmark_s: float = 0.2
    piece: int = 0
    repeats: bool = False
    longest_watch_s: float = 3600.0
    token: str = "not-a-secret"  # noqa: S105 - as it says
    asked: list[Asked] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    url: str = ""
    _objects: dict[str, dict[tuple[str, str], Value]] = field(default_factory=dict)
    _sorted: dict[str, tuple[int, list[Value]]] = field(default_factory=dict)
    _history: list[tuple[int, str, str, Value]] = field(default_factory=list)
    _version: int = 100
    _compacted: int = 0
    _epoch: int = 0
    _stopping: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)

    def put(self, plural: str, value: Value) -> None:
        """Create an object, or replace it."""
        resource, metadata = BY_PLURAL[plural], value["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        with self._news:
            self._version += 1
            known = self._objects.setdefault(plural, {})
            stored = {
                "kind": resource.kind,
                "apiVersion": resource.api_version,
                **value,
                "metadata": {
                    "uid": f"uid-{key[0]}-{key[1]}",
                    **metadata,
                    "resourceVersion": str(self._version),
                },
            }
            self._tell("MODIFIED" if key in known else "ADDED", plural, stored)
            known[key] = stored

    def delete(self, plural: str, name: str, namespace: str = "") -> None:
        """Remove an object."""
        with self._news:
            self._version += 1
            gone = self._objects[plural].pop((namespace, name))
            gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self._version)}}
            self._tell("DELETED", plural, gone)

    def compact(self) -> None:
        """Forget all history: a watch from before answers 410."""
        with self._news:
            self._compacted = self._version
            self._history.clear()

    def drop_watches(self) -> None:
        """Cut every open watch, in the middle of whatever it was."""
        with self._news:
            self._epoch += 1
            self._news.notify_all()

    def stop(self) -> None:
        """End all watches for good."""
        with self._news:
            self._stopping = True
            self._news.notify_all()

    def watches(self, plural: str) -> int:
        """How often a watch of a resource was asked for."""
        return sum(one.verb == "watch" and one.plural == plural for one in self.asked)

    def lists(self, plural: str) -> int:
        """How often a list of a resource was asked for."""
        return sum(one.verb == "list" and one.plural == plural for one in self.asked)

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig with two contexts; the current one leads nowhere."""
        path = folder / "kubeconfig.json"
        clusters = {"here": self.url, "nowhere": "http://127.0.0.1:9"}
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": n, "cluster": {"server": url}} for n, url in clusters.items()],
                    "contexts": [{"name": n, "context": {"cluster": n, "user": "u"}} for n in clusters],
                    "users": [{"name": "u", "user": {"token": self.token}}],
                    "current-context": "nowhere",
                }
            )
        )
        return path

    def _tell(self, change: str, plural: str, value: Value) -> None:
        self._history.append((self._version, plural, change, value))
        self._news.notify_all()

    def page(self, resource: Resource, limit: int, token: str) -> tuple[int, Value]:
        """Status and body of one page of a list."""
        with self._news:
            version = self._version
            if self._sorted.get(resource.plural, (0, []))[0] != version:
                known = self._objects.get(resource.plural, {})
                self._sorted[resource.plural] = (version, [known[key] for key in sorted(known)])
            values = self._sorted[resource.plural][1]
        if token and self.expired_continues:
            self.expired_continues -= 1
            return 410, status(410, "Expired", "The provided continue parameter is too old")
        start = int(token or 0)
        end = start + limit if limit else len(values)
        bare = [
            {k: v for k, v in one.items() if k not in {"kind", "apiVersion"}} for one in values[start:end]
        ]
        metadata: Value = {"resourceVersion": str(version)}
        if end < len(values):
            metadata |= {"continue": str(end), "remainingItemCount": len(values) - end}
        return 200, {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": metadata,
            "items": bare,
        }

    def changes(
        self, resource: Resource, version: int, timeout_s: float, *, bookmarks: bool
    ) -> Iterator[Value]:
        """Watch events after a version until the time is up.

        Raises:
            ConnectionAbortedError: the connection is to be cut.
        """
        if version < self._compacted:
            gone = status(410, "Expired", f"too old resource version: {version} ({self._compacted})")
            yield {"type": "ERROR", "object": gone}
            return
        ends_at = time.monotonic() + min(timeout_s, self.longest_watch_s)
        epoch, at, marked_at = self._epoch, version - self.repeats, time.monotonic()
        while time.monotonic() < ends_at and not self._stopping:
            with self._news:
                news = [one for one in self._history if one[0] > at]
                if not news and epoch == self._epoch:
                    self._news.wait(min(0.05, max(0.0, ends_at - time.monotonic())))
            if epoch != self._epoch:
                raise ConnectionAbortedError
            for at, plural, change, value in news:  # noqa: B007 - the version reached
                if plural == resource.plural:
                    yield {"type": change, "object": value}
            if bookmarks and not news and time.monotonic() - marked_at >= self.bookmark_s:
                marked_at = time.monotonic()
                meta = {"resourceVersion": str(max(at, version)), "creationTimestamp": None}
                mark = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
                yield {"type": "BOOKMARK", "object": mark}


def status(code: int, reason: str, message: str) -> Value:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def discovery(path: str) -> Value | None:
    """What kubectl asks before it asks for anything."""
    groups = sorted({one.group for one in RESOURCES if one.group})
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        listed = []
        for group in groups:
            version = next(one.api_version for one in RESOURCES if one.group == group)
            named = {"groupVersion": version, "version": version.partition("/")[2]}
            listed.append({"name": group, "versions": [named], "preferredVersion": named})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    found = [one for one in RESOURCES if path == one.path.rpartition("/")[0]]
    if not found:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].api_version,
        "resources": [
            {
                "name": one.plural,
                "singularName": one.kind.lower(),
                "kind": one.kind,
                "namespaced": one.plural in NAMESPACED,
                "verbs": ["get", "list", "watch"],
            }
            for one in found
        ],
    }


class _Handler(BaseHTTPRequestHandler):
    cluster: FakeCluster
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        resource = next((one for one in RESOURCES if one.path == parts.path), None)
        if resource is None:
            found = discovery(parts.path)
            self._json(200 if found else 404, found or status(404, "NotFound", "not found"))
            return
        verb = "watch" if query.get("watch") in {"true", "1"} else "list"
        self.cluster.asked.append(Asked(verb, resource.group, resource.plural, query))
        self.cluster.agents.add(str(self.headers.get("User-Agent")))
        self.cluster.tokens.add(str(self.headers.get("Authorization")))
        if resource.plural in self.cluster.forbidden:
            message = f'{resource.name} is forbidden: User "u" cannot {verb} resource "{resource.plural}"'
            self._json(403, status(403, "Forbidden", message))
        elif resource.plural in self.cluster.absent:
            self._json(404, status(404, "NotFound", "the server could not find the requested resource"))
        elif verb == "list":
            limit = int(query.get("limit") or 0)
            self._json(*self.cluster.page(resource, limit, query.get("continue", "")))
        else:
            self._watch(resource, query)

    def _json(self, code: int, value: Value) -> None:
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _watch(self, resource: Resource, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        timeout_s = float(query.get("timeoutSeconds") or 3600)
        bookmarks = query.get("allowWatchBookmarks") == "true"
        version = int(query.get("resourceVersion") or 0)
        try:
            for change in self.cluster.changes(resource, version, timeout_s, bookmarks=bookmarks):
                self._chunks(json.dumps(change, separators=(",", ":")).encode() + b"\n")
            self.wfile.write(b"0\r\n\r\n")
        except (ConnectionAbortedError, BrokenPipeError, ConnectionResetError):
            self.wfile.write(b"20\r\n{half of a chunk")
            self.close_connection = True

    def _chunks(self, line: bytes) -> None:
        step = self.cluster.piece or len(line)
        for start in range(0, len(line), step):
            piece = line[start : start + step]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
            if self.cluster.piece:
                time.sleep(0.002)

    def handle(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
        """Say nothing."""


@contextmanager
def kubernetes_server(cluster: FakeCluster, certificate: Path | None = None) -> Iterator[FakeCluster]:
    """Serve the cluster on a free port of loopback until the block ends.

    Args:
        cluster: what to serve.
        certificate: PEM file with key and certificate; None: plain HTTP.
    """
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    cluster.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    with serving(server):
        try:
            yield cluster
        finally:
            cluster.stop()
