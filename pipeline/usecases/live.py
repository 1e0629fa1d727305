"""Collect the timeline from AWS for what is asked, and check the log against AWS's own counts."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline.config import Settings
from pipeline.engine.duckdb import Engine
from pipeline.errors import ConfigError
from pipeline.model import Window
from pipeline.redaction import Redaction
from pipeline.timeline.aws_apis import MOST_LOAD_BALANCERS
from pipeline.timeline.base import Problem
from pipeline.timeline.collection import Collection
from pipeline.timeline.scope import Scope, load_balancer_name

if TYPE_CHECKING:
    from pipeline.timeline.cloudtrail_files import Trail

_UNBOUNDED = timedelta(days=1)
"""Length of the window where neither options nor logs say one."""
_REGION_AT = 3
"""Place of the region in an ARN."""


def collect(
    engine: Engine,
    window: Window,
    load_balancer: str | None,
    settings: Settings,
    folder: Path,
    redaction: Redaction | None = None,
) -> Collection:
    """Ask AWS about the load balancer, or about those that the logs show.

    Args:
        engine: holds `requests`.
        window: what is asked; open ends are taken from the logs.
        load_balancer: name, app/name/id or ARN; None: those in the logs, the busiest first.
        settings: the trail and the role to read its bucket as, and the log group of an EKS audit log.
        folder: new folder for the answers.
        redaction: how people are taken out of what is written; None: not at all.

    Raises:
        UsageError: the folder holds something.
        StoreError: the folder cannot be written.
        ConfigError: the trail is no ``s3://bucket/prefix``.
    """
    from pipeline.timeline.collect import collect as ask_aws  # noqa: PLC0415 - offline need not wait for boto3

    seen = engine.frame("marts/collection_scope", bounds(window))
    names = [load_balancer] if load_balancer is not None else seen["elb"].to_list()
    names = list(dict.fromkeys(load_balancer_name(name) for name in names))
    most, span = names[:MOST_LOAD_BALANCERS], _span(window, seen)
    scope = Scope(sorted(most), *span, left_out=len(names) - len(most))
    return ask_aws(
        scope,
        folder,
        region=_region(load_balancer, seen),
        trail=_trail(settings),
        audit_log_group=settings.eks_audit_log_group,
        redaction=redaction,
    )


def _span(window: Window, seen: pl.DataFrame) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    first: list[datetime] = seen["first_seen_at"].to_list()
    last: list[datetime] = seen["last_seen_at"].to_list()
    until = window.until or (max(last, default=now) if window.since is None else now)
    return window.since or min(first, default=until - _UNBOUNDED), until


def _region(load_balancer: str | None, seen: pl.DataFrame) -> str | None:
    """Where the load balancers are: as their ARN says, else as the target groups in the logs say."""
    if load_balancer is not None and load_balancer.startswith("arn:"):
        return load_balancer.split(":")[_REGION_AT] if load_balancer.count(":") > _REGION_AT else None
    return max(seen["region"].drop_nulls().to_list(), default=None)


def _trail(settings: Settings) -> "Trail | None":
    if settings.trail is None:
        return None
    from pipeline.ingest import s3_session  # noqa: PLC0415 - as above
    from pipeline.timeline.cloudtrail_files import Trail  # noqa: PLC0415 - as above

    bucket, _, prefix = settings.trail.removeprefix("s3://").partition("/")
    if not bucket or not settings.trail.startswith("s3://"):
        raise ConfigError(f"trail {settings.trail}: give s3://bucket/prefix, where the trail puts AWSLogs/")
    payer = {"RequestPayer": "requester"} if settings.requester_pays else {}
    return Trail(bucket, prefix.strip("/"), partial(s3_session.client, settings.assume_role), payer)


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
