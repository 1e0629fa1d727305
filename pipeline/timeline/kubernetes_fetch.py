"""Live lists of a cluster, written as ``kubectl get -o json`` prints them; `kubernetes` parses the files."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import StoreError
from pipeline.timeline.kubernetes_api import (
    FORBIDDEN,
    GONE,
    NOT_FOUND,
    RESOURCES,
    ApiRefusedError,
    Cluster,
    Resource,
)
from pipeline.timeline.kubernetes_redact import listed
from pipeline.timeline.redact import Scrubber

NAME = "kubernetes"

LIMITS = (500, 2000, 8000)
"""Objects a page. A list so long that its continue token expires starts again with larger pages."""


@dataclass(frozen=True)
class Fetched:
    """What came of asking one resource.

    Attributes:
        source: ``kubernetes``.
        resource: e.g. ``endpointslices.discovery.k8s.io``.
        is_reached: the API server answered, be it with a refusal.
        denied: verb and resource that are not allowed, e.g. ``list pods``; None: allowed.
        covered_from: start of the instant that the list shows, UTC; None: nothing was listed.
        covered_to: its end.
        objects: how many were written.
        message: a sentence for people; empty when all is well.
        path: the file; None: nothing was written.
        calls: requests that it took, as far as they are counted.
        is_missing: what was asked for is not there.
    """

    source: str
    resource: str
    is_reached: bool
    denied: str | None = None
    covered_from: datetime | None = None
    covered_to: datetime | None = None
    objects: int = 0
    message: str = ""
    path: Path | None = None
    calls: int = 0
    is_missing: bool = False


def fetch(cluster: Cluster, folder: Path, scrubber: Scrubber | None = None) -> list[Fetched]:
    """List every resource into ``folder``, one file each; a refused one does not keep the others.

    A server that does not answer is asked once: the remaining resources share that outcome.

    Args:
        cluster: where to ask.
        folder: made if need be; files appear only when they are whole.
        scrubber: takes people out of what is written; None: only what workloads keep secret is left out.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        done: list[Fetched] = []
        for resource in RESOURCES:
            lost = next((one for one in done if not one.is_reached), None)
            done.append(
                replace(lost, resource=resource.name) if lost else _fetch(cluster, resource, folder, scrubber)
            )
    except OSError as problem:
        raise StoreError(f"{folder}: {problem.strerror}; is it writable, is there space?") from problem
    return done


def pages(cluster: Cluster, resource: Resource, limit: int) -> Iterator[dict[str, Any]]:
    """All pages of one consistent list.

    Raises:
        ApiRefusedError: refused; with status 410 the list took too long and has to start again.
    """
    token: str | None = None
    while True:
        page = cluster.page(resource, limit, token)
        yield page
        following = metadata(page).get("continue")
        if not following:
            return
        if following == token:
            raise ApiRefusedError("list", resource, 0, "its pages go in a circle")
        token = str(following)


def named(resource: Resource, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects of a page with the kind and version that a list leaves to its head."""
    for item in page.get("items") or []:
        if isinstance(item, dict):
            yield {"apiVersion": resource.api_version, "kind": resource.kind, **item}


def without_people(value: dict[str, Any], scrubber: Scrubber | None) -> dict[str, Any]:
    """An object as a redacted store may have it: messages and annotations can name who did something."""
    scrubbed: dict[str, Any] = value if scrubber is None else scrubber.scrubbed(value)
    return scrubbed


def metadata(value: dict[str, Any]) -> dict[str, Any]:
    """An object's or list's metadata; empty when it is none."""
    found = value.get("metadata")
    return found if isinstance(found, dict) else {}


def _fetch(cluster: Cluster, resource: Resource, folder: Path, scrubber: Scrubber | None) -> Fetched:
    path = folder / f"kubectl-get-{resource.plural}.json"
    for limit in LIMITS:
        try:
            return _write(cluster, resource, limit, path, scrubber)
        except ApiRefusedError as problem:
            if problem.status == GONE and limit != LIMITS[-1]:
                continue
            return _refused(resource, problem)
    raise AssertionError  # the last limit returns either way


def _refused(resource: Resource, problem: ApiRefusedError) -> Fetched:
    if problem.status == NOT_FOUND and resource.is_optional:
        return Fetched(NAME, resource.name, is_reached=True)
    denied = f"list {resource.name}" if problem.status == FORBIDDEN else None
    return Fetched(NAME, resource.name, is_reached=problem.status != 0, denied=denied, message=str(problem))


def _write(
    cluster: Cluster, resource: Resource, limit: int, path: Path, scrubber: Scrubber | None
) -> Fetched:
    """One List, page by page, in kubectl's words."""
    seen_at: datetime | None = None
    count = 0
    with whole(path) as file:
        file.write(b'{"apiVersion":"v1","items":[')
        for page in pages(cluster, resource, limit):
            seen_at = seen_at or datetime.now(UTC)
            for item in named(resource, page):
                file.write((b",\n" if count else b"\n") + compact(without_people(listed(item), scrubber)))
                count += 1
        file.write(b'\n],"kind":"List","metadata":{"resourceVersion":""}}\n')
    return Fetched(
        NAME,
        resource.name,
        is_reached=True,
        covered_from=seen_at,
        covered_to=seen_at,
        objects=count,
        path=path,
    )


def compact(value: dict[str, Any]) -> bytes:
    """One line of JSON; text beyond ASCII escaped, so that no half character can be torn off."""
    return json.dumps(value, separators=(",", ":")).encode()


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when it is complete; until then it is hidden from readers of the folder."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
