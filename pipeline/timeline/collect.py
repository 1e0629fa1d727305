"""Collects the timeline from AWS into a folder that `read_timeline` reads, now or on replay."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from pipeline import __version__
from pipeline.errors import StoreError
from pipeline.redaction import Redaction
from pipeline.timeline import (
    autoscaling,
    cloudtrail,
    cloudtrail_files,
    cloudwatch,
    ec2,
    elbv2,
    kubernetes_audit_fetch,
)
from pipeline.timeline.aws_apis import budget
from pipeline.timeline.aws_faults import FAULTS, explain
from pipeline.timeline.cloudtrail_files import Trail
from pipeline.timeline.collection import Collection, refuse_full
from pipeline.timeline.collector import Collector, region_of_chain
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.scope import Scope


def collect(
    scope: Scope,
    folder: Path,
    *,
    region: str | None = None,
    trail: Trail | None = None,
    audit_log_group: str | None = None,
    redaction: Redaction | None = None,
) -> Collection:
    """Ask every source and write the answers, with ``collection.json`` beside them.

    A source that refuses, or a budget that is used up, costs that source only: the record says so, and
    reading the folder reports it.

    Args:
        scope: load balancers and window; what is found of them is added.
        folder: new or empty; it appears whole at the end.
        region: AWS region; None takes the chain's.
        trail: bucket of a trail's own files, read instead of the event history.
        audit_log_group: CloudWatch log group of an EKS cluster's audit log; None: it is not read.
        redaction: how people are taken out of what is written; None: not at all.

    Raises:
        UsageError: the folder holds something.
        StoreError: the folder cannot be written.
    """
    refuse_full(folder)
    partial = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    try:
        partial.mkdir(mode=0o700, parents=True)
    except OSError as problem:
        raise StoreError(f"{folder}: {problem.strerror}") from problem
    try:
        scrubber = None if redaction is None else Scrubber(redaction)
        record = _ask_all(scope, partial, region or region_of_chain(), trail, audit_log_group, scrubber)
        _finish(record, partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return record


def _finish(record: Collection, partial: Path, folder: Path) -> None:
    try:
        record.write(partial)
        partial.rename(folder)
    except OSError as problem:
        raise StoreError(f"{folder}: {problem.strerror}; is there space?") from problem


def _ask_all(
    scope: Scope,
    folder: Path,
    region: str | None,
    trail: Trail | None,
    audit_log_group: str | None,
    scrubber: Scrubber | None,
) -> Collection:
    """The load balancers first; then CloudTrail, which is slow, beside the others."""
    hours = (scope.until - scope.since).total_seconds() / 3600
    record = Collection(
        tool=f"forensics {__version__}",
        region=region,
        account=None,
        load_balancers=list(scope.names),
        since=scope.since,
        until=scope.until,
        asked_at=datetime.now(UTC),
        budget=budget(len(scope.names), hours),
        left_out=scope.left_out,
    )
    ask = Collector(folder, record, scrubber)
    try:
        elbv2.fetch(scope, ask)
        record.account = scope.account
        with ThreadPoolExecutor(1) as beside:
            slow = beside.submit(_cloudtrail, scope, ask, trail)
            for source in (autoscaling, ec2, cloudwatch):
                source.fetch(scope, ask)
            if audit_log_group is not None:
                _audit_log(scope, ask, audit_log_group)
            slow.result()
    finally:
        ask.close()
    if scrubber is not None:
        for call in record.calls:
            call.message = call.message and scrubber.text(call.message)
    record.calls.sort(key=lambda call: (call.source, call.action, call.about or ""))
    record.coverage.sort(key=lambda span: (span.source, span.covered_from))
    return record


def _cloudtrail(scope: Scope, ask: Collector, trail: Trail | None) -> None:
    """A trail's files hold all and reach back for years; the history steps in where they cannot be read."""
    if trail is None or not cloudtrail_files.fetch(scope, ask, trail):
        cloudtrail.fetch(scope, ask)


def _audit_log(scope: Scope, ask: Collector, group: str) -> None:
    """The cluster's own record, where AWS keeps it."""
    call = ask.began(kubernetes_audit_fetch.NAME, kubernetes_audit_fetch.ACTION, group)
    try:
        client = ask.client("logs")
    except FAULTS as problem:
        fault = explain(problem, kubernetes_audit_fetch.ACTION)
        call.fault, call.message = fault.kind, fault.message
        return
    found = kubernetes_audit_fetch.fetch(client, group, scope.since, scope.until, ask.folder, ask.scrubber)
    if found.path is not None:
        call.files = [found.path.name]
    if found.message:
        call.fault, call.message = "denied" if found.denied else "incomplete", found.message
    if found.covered_from is not None and found.covered_to is not None:
        ask.covered("audit", found.covered_from, found.covered_to)
