"""Collects the timeline from AWS into a folder that `read_timeline` reads, now or on replay."""

import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from botocore.session import Session

from pipeline import __version__
from pipeline.errors import StoreError
from pipeline.redaction import Redaction
from pipeline.timeline import (
    audit_logs,
    autoscaling,
    aws_apis,
    cloudtrail,
    cloudtrail_files,
    cloudwatch,
    ec2,
    elbv2,
    kubernetes_audit_objects,
)
from pipeline.timeline.aws_apis import budget
from pipeline.timeline.collection import Collection, refuse_full
from pipeline.timeline.collector import Collector, region_of_chain
from pipeline.timeline.kubernetes_audit_objects import Looks
from pipeline.timeline.redact import Scrubber
from pipeline.timeline.s3_prefix import S3Prefix
from pipeline.timeline.scope import Scope

_AT_ONCE = 8
"""Accounts and regions asked side by side; each has rates of its own."""


@dataclass(frozen=True)
class Access:
    """As whom AWS is asked, and for what beside its APIs.

    Attributes:
        session: makes the session for a load balancers' account; None: the ordinary chain for all.
        trail: bucket of a trail's own files, read instead of the event history.
        audit_log_groups: CloudWatch log groups of EKS clusters' audit logs. One given by ARN is read in its
            account and region, one given by name wherever it is found.
        audit_log_objects: where Amazon Data Firehose delivers such logs, whose records say of which account
            and region they are.
        redaction: how people are taken out of what is written; None: not at all.
        lookups_per_second: calls to CloudTrail's event history; None: as many as AWS allows.
    """

    session: Callable[[Scope], Session] | None = None
    trail: S3Prefix | None = None
    audit_log_groups: Sequence[str] = ()
    audit_log_objects: Sequence[S3Prefix] = ()
    redaction: Redaction | None = None
    lookups_per_second: float | None = None


CHAIN = Access()


def collect(scopes: Sequence[Scope], folder: Path, access: Access = CHAIN) -> list[Collection]:
    """Ask every source and write the answers, with ``collection.json`` beside them.

    A source that refuses, or a budget that is used up, costs that source only: the record says so, and
    reading the folder reports it. Of several scopes each has a folder of its own below.

    Args:
        scopes: load balancers of one account and region each, and a window; what is found of them is added.
        folder: new or empty; it appears whole at the end.
        access: as whom.

    Returns:
        One record per scope, in order.

    Raises:
        UsageError: the folder holds something.
        StoreError: the folder cannot be written.
    """
    refuse_full(folder)
    partial_folder = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    folders = _folders(scopes, partial_folder)
    try:
        for one in folders:
            one.mkdir(mode=0o700, parents=True)
    except OSError as problem:
        raise StoreError(f"{folder}: {problem.strerror}") from problem
    try:
        with ThreadPoolExecutor(_AT_ONCE) as beside:
            looks = Looks() if len(scopes) > 1 else None
            records = list(beside.map(partial(_ask_all, access, looks), scopes, folders))
        audit_logs.settle(access.audit_log_groups, records)
        _finish(records, folders, partial_folder, folder)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return records


def _folders(scopes: Sequence[Scope], below: Path) -> list[Path]:
    """Where the answers about each scope go: into one folder, unless there are several."""
    if len(scopes) == 1:
        return [below]
    return [below / f"{scope.account or 'account'}-{scope.region or 'region'}" for scope in scopes]


def _finish(records: list[Collection], folders: list[Path], whole: Path, folder: Path) -> None:
    try:
        for record, one in zip(records, folders, strict=True):
            record.write(one)
        whole.rename(folder)
    except OSError as problem:
        raise StoreError(f"{folder}: {problem.strerror}; is there space?") from problem


def _ask_all(access: Access, looks: Looks | None, scope: Scope, folder: Path) -> Collection:
    """The load balancers first; then CloudTrail, which is slow, beside the others."""
    hours = (scope.until - scope.since).total_seconds() / 3600
    region = scope.region or region_of_chain()
    groups = audit_logs.of_place(access.audit_log_groups, scope.account, region)
    record = Collection(
        tool=f"forensics {__version__}",
        region=region,
        account=None,
        load_balancers=list(scope.names),
        since=scope.since,
        until=scope.until,
        asked_at=datetime.now(UTC),
        budget=budget(len(scope.names), hours, len(groups)),
        left_out=scope.left_out,
    )
    scrubber = None if access.redaction is None else Scrubber(access.redaction)
    paces = {aws_apis.LOOKUP: access.lookups_per_second} if access.lookups_per_second else {}
    ask = Collector(folder, record, access.session(scope) if access.session else None, scrubber, paces)
    try:
        elbv2.fetch(scope, ask)
        record.account = scope.account
        if scope.is_elsewhere:
            _refuse(scope, ask)
        else:
            with ThreadPoolExecutor(1) as beside:
                slow = beside.submit(_cloudtrail, scope, ask, access.trail)
                for source in (autoscaling, ec2, cloudwatch):
                    source.fetch(scope, ask)
                for group in audit_logs.of_place(access.audit_log_groups, scope.account, region):
                    audit_logs.fetch(scope, ask, group)
                for delivered in access.audit_log_objects:
                    kubernetes_audit_objects.fetch(scope, ask, delivered, looks)
                slow.result()
    finally:
        ask.close()
    if scrubber is not None:
        for call in record.calls:
            call.message = call.message and scrubber.text(call.message)
    record.calls.sort(key=lambda call: (call.source, call.action, call.about or ""))
    record.coverage.sort(key=lambda span: (span.source, span.covered_from))
    return record


def _refuse(scope: Scope, ask: Collector) -> None:
    """Note that nothing else is asked: it would be told of another account."""
    call = ask.began("elbv2", "everything else", None)
    theirs = f" (they are of {', '.join(sorted(scope.strangers))})" if scope.strangers else ""
    call.fault = "elsewhere"
    call.message = (
        f"not asked: these credentials{theirs} see no load balancer of account {scope.account}; name a role "
        "there in FORENSICS_TIMELINE_ROLES (docs/timeline.md)"
    )


def _cloudtrail(scope: Scope, ask: Collector, trail: S3Prefix | None) -> None:
    """A trail's files hold all and reach back for years; the history steps in where they cannot be read."""
    if trail is None or not cloudtrail_files.fetch(scope, ask, trail):
        cloudtrail.fetch(scope, ask)
