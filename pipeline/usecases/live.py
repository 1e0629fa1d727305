"""Collect the timeline from AWS for what is asked, and check the log against AWS's own counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.config import Settings
from pipeline.engine import Engine
from pipeline.errors import ConfigError
from pipeline.model import Window
from pipeline.redaction import Redaction
from pipeline.timeline.aws_apis import MOST_LOAD_BALANCERS
from pipeline.timeline.base import Problem
from pipeline.timeline.collection import Collection
from pipeline.timeline.scope import Scope, load_balancer_name

if TYPE_CHECKING:
    from botocore.session import Session

    from pipeline.timeline.s3_prefix import S3Prefix

_Place = tuple[str | None, str | None]
_NOWHERE: _Place = (None, None)
_SEEN = ("elb", "account", "region")
_UNBOUNDED = timedelta(days=1)
"""Length of the window where neither options nor logs say one."""
_REGION_AT, _ACCOUNT_AT = 3, 4
"""Places of region and account in an ARN."""


def collect(
    engine: Engine,
    window: Window,
    load_balancer: str | None,
    settings: Settings,
    folder: Path,
    redaction: Redaction | None = None,
    *,
    is_probe: bool = False,
) -> list[Collection]:
    """Ask AWS about the load balancer, or about those that the logs show, per account and region.

    Args:
        engine: holds `requests`.
        window: what is asked; open ends are taken from the logs.
        load_balancer: name, app/name/id or ARN; None: those in the logs, the busiest first.
        settings: the roles per account, the trail, where EKS audit logs are, and the role to read buckets as.
        folder: new folder for the answers.
        redaction: how people are taken out of what is written; None: not at all.
        is_probe: ask only as much as shows what is allowed (`Scope`).

    Returns:
        One record per account and region.

    Raises:
        UsageError: the folder holds something.
        StoreError: the folder cannot be written.
        ConfigError: the trail is no ``s3://bucket/prefix``.
    """
    from pipeline.timeline.collect import Access  # noqa: PLC0415 - offline need not wait for boto3
    from pipeline.timeline.collect import collect as ask_aws  # noqa: PLC0415 - as above

    seen = engine.frame("marts/collection_scope", bounds(window))
    roles = {role.split(":")[_ACCOUNT_AT]: role for role in settings.timeline_roles}
    scopes = _scopes(load_balancer, seen, _span(window, seen))
    for scope in scopes:
        scope.is_probe = is_probe
        scope.is_alone = len(scopes) == 1
        scope.must_be_seen = scope.account not in roles and len({one.account for one in scopes}) > 1

    def session(scope: Scope) -> "Session":
        from pipeline.ingest import s3_session  # noqa: PLC0415 - as above

        return s3_session.session(roles.get(scope.account or ""), scope.region)

    prefixes = dict.fromkeys(settings.eks_audit_log_objects)  # one that is given twice is read once
    access = Access(
        session=session,
        trail=_trail(settings),
        audit_log_groups=settings.eks_audit_log_group,
        audit_log_objects=[_s3_prefix(uri, settings) for uri in prefixes],
        redaction=redaction,
        lookups_per_second=settings.lookups_per_second,
    )
    return ask_aws(scopes, folder, access)


def _scopes(load_balancer: str | None, seen: pl.DataFrame, span: tuple[datetime, datetime]) -> list[Scope]:
    """One per account and region, that of the busiest load balancer first."""
    places: dict[_Place, list[str]] = {}
    wanted = None if load_balancer is None else load_balancer_name(load_balancer)
    rows = [(load_balancer_name(elb), place) for elb, *place in seen.select(_SEEN).iter_rows()]
    found = [(name, (account, region)) for name, (account, region) in rows if wanted in {None, name}]
    if load_balancer is not None and (load_balancer.startswith("arn:") or not found):
        found = [(load_balancer_name(load_balancer), _of_arn(load_balancer))]
    # A log may name neither account nor region of one that it shares with others.
    best = next((place for _, place in found if place != _NOWHERE), _NOWHERE)
    for name, place in found[:MOST_LOAD_BALANCERS]:
        places.setdefault(best if place == _NOWHERE else place, []).append(name)
    scopes = [
        Scope(sorted(set(names)), *span, account=account, region=region)
        for (account, region), names in (places or {_NOWHERE: []}).items()
    ]
    scopes[0].left_out = max(0, len(found) - MOST_LOAD_BALANCERS)
    return scopes


def _of_arn(load_balancer: str) -> _Place:
    """Account and region as an ARN says; another name says neither."""
    parts = load_balancer.split(":")
    is_arn = parts[0] == "arn" and len(parts) > _ACCOUNT_AT
    return (parts[_ACCOUNT_AT], parts[_REGION_AT]) if is_arn else _NOWHERE


def _span(window: Window, seen: pl.DataFrame) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    first: list[datetime] = seen["first_seen_at"].to_list()
    last: list[datetime] = seen["last_seen_at"].to_list()
    until = window.until or (max(last, default=now) if window.since is None else now)
    return window.since or min(first, default=until - _UNBOUNDED), until


def _trail(settings: Settings) -> "S3Prefix | None":
    if settings.trail is None:
        return None
    trail = _s3_prefix(settings.trail, settings)
    if not trail.bucket or not settings.trail.startswith("s3://"):
        raise ConfigError(f"trail {settings.trail}: give s3://bucket/prefix, where the trail puts AWSLogs/")
    return replace(trail, prefix=trail.prefix.strip("/"))


def _s3_prefix(uri: str, settings: Settings) -> "S3Prefix":
    from pipeline.ingest import s3_session  # noqa: PLC0415 - as above
    from pipeline.timeline.s3_prefix import S3Prefix  # noqa: PLC0415 - as above

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    payer = {"RequestPayer": "requester"} if settings.requester_pays else {}
    return S3Prefix(bucket, prefix, partial(s3_session.client, settings.assume_role), payer)


def missing_log_lines(engine: Engine, window: Window) -> list[Problem]:
    """Sentences about minutes in which CloudWatch counted more errors than the log holds."""
    short = engine.frame("marts/missing_log_lines", bounds(window))
    return [
        Problem(
            row["elb"],
            f"the log lacks at least {row['missing']:,} of the {row['counted']:,} 502s and 504s that "
            f"CloudWatch counted in {row['minutes']:,} minutes, the first at "
            f"{row['first_minute']:%Y-%m-%d %H:%M} UTC: access logs are best effort, and may come late",
        )
        for row in short.iter_rows(named=True)
    ]


def bounds(window: Window) -> dict[str, datetime | None]:
    """The window as values of a query."""
    return {"since": window.since, "until": window.until}
