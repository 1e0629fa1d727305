"""Where logs are read from: the place that is named, or the one that the load balancer names itself."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pipeline.config import Settings
from pipeline.errors import UsageError
from pipeline.ingest.s3_options import S3Options
from pipeline.model import Window

RECENT = timedelta(hours=24)
"""How far back a question goes that names neither a place nor a start."""


@dataclass(frozen=True)
class Whence:
    """A place of logs, and how its bucket is read."""

    uri: str
    s3: S3Options
    is_discovered: bool = False


def whence(logs: str | None, load_balancer: str | None, settings: Settings) -> Whence:
    """The place of the logs; without ``logs`` it is asked of the load balancer.

    Raises:
        UsageError: neither is given, or no region is configured.
        SourceError: there is no such load balancer, it writes no access logs, or AWS refuses.
    """
    s3 = S3Options.of(settings)
    if logs is not None:
        return Whence(logs, s3)
    if load_balancer is None:
        raise UsageError(
            "no logs: give --logs s3://bucket/prefix or a folder, or --lb NAME, whose attributes tell where "
            f"its logs are; without either the store is asked, but {settings.store} holds nothing"
        )
    from pipeline.ingest import discovery  # noqa: PLC0415 - a folder need not wait for boto3

    places = discovery.find(load_balancer)
    return Whence(places.written_access_logs(), replace(s3, region=places.region), is_discovered=True)


def recent(window: Window) -> Window:
    """The window; without a start, the last day of it."""
    if window.since is not None:
        return window
    return replace(window, since=(window.until or datetime.now(UTC)) - RECENT)
